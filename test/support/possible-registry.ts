import { type Allowed, GONE, partsOf, type Shown, THERE } from './shown.ts'

/** How an operation changes one name: from what it shows to what it will show. */
export interface Effect {
  readonly key: string
  readonly on: (shown: string) => string
}

export function becomes(key: string, value: string): Effect {
  return { key, on: () => value }
}

/**
 * What a registry may show when some operations were acknowledged and others may or may not have happened. Each name has the set of
 * values that it may have; one value means that it is certain.
 */
export class PossibleRegistry {
  readonly #values = new Map<string, ReadonlySet<string>>()

  get allowed(): Allowed {
    return this.#values
  }

  get keys(): Iterable<string> {
    return this.#values.keys()
  }

  /** The value, undefined while there are several. */
  certain(key: string): string | undefined {
    const values = this.#values.get(key)
    if (values === undefined) return GONE
    const [value] = values
    return values.size === 1 ? value : undefined
  }

  /** The operation was sent: it may happen. */
  begin(effects: readonly Effect[]): void {
    for (const { key, on } of effects) {
      const before = this.#of(key)
      this.#values.set(key, new Set([...before, ...[...before].map(on)]))
    }
  }

  /** The operation that was begun was acknowledged: it has happened. */
  acknowledge(effects: readonly Effect[], before: Allowed): void {
    for (const { key, on } of effects) this.#values.set(key, new Set([...(before.get(key) ?? [GONE])].map(on)))
  }

  /** What these names may show now, as `acknowledge` wants it later. */
  snapshot(effects: readonly Effect[]): Allowed {
    return new Map(effects.map(({ key }) => [key, this.#of(key)]))
  }

  /** Nothing is under way any more: what is shown is what has happened. */
  settle(shown: Shown): void {
    for (const [key, value] of shown) this.#values.set(key, new Set([value]))
  }

  /** Digests of the manifests that are certainly held. */
  certainManifests(): ReadonlySet<string> {
    const held = [...this.#values.keys()].filter((key) => partsOf(key).kind === 'manifest' && this.certain(key) === THERE)
    return new Set(held.map((key) => partsOf(key).name))
  }

  #of(key: string): ReadonlySet<string> {
    return this.#values.get(key) ?? new Set([GONE])
  }
}
