import { ChurningClient, LIBRARY } from './churning-client.ts'
import { type Content, contentOf } from './images.ts'
import { becomes, PossibleRegistry } from './possible-registry.ts'
import { poll } from './processes.ts'
import type { RegistryClient } from './registry-client.ts'
import { SeededRandom } from './seeded-random.ts'
import { blobKey, notAllowedIn, show, THERE, tornIn, wrongIn, wrongLists } from './shown.ts'

const SETTLED_MS = 30_000

export interface ChurnOptions {
  readonly clients: number
  readonly seed: number
  readonly anyClient: () => RegistryClient
  /** True when a process may have been killed under a request. */
  readonly mayFail: () => boolean
}

/** Clients at work on one data directory, and all that may be seen there. */
export class Churn {
  readonly possible = new PossibleRegistry()
  readonly random: SeededRandom
  readonly #clients: readonly ChurningClient[]
  readonly #library: readonly Content[]

  constructor({ clients, seed, anyClient, mayFail }: ChurnOptions) {
    this.random = new SeededRandom(seed)
    this.#library = ['a', 'b', 'c'].map((name) => contentOf('', new TextEncoder().encode(`library blob ${name}`)))
    const { possible } = this
    this.#clients = Array.from({ length: clients }, (_, number) => {
      const random = new SeededRandom(seed + number + 1)
      return new ChurningClient({ name: `client-${number}`, possible, random, library: this.#library, anyClient, mayFail })
    })
  }

  get acknowledged(): number {
    return this.#clients.reduce((sum, client) => sum + client.acknowledged, 0)
  }

  get problems(): readonly string[] {
    return this.#clients.flatMap((client) => client.problems)
  }

  /** Pushes the blobs that clients mount. */
  async fillLibrary(client: RegistryClient): Promise<void> {
    for (const blob of this.#library) {
      const effects = [becomes(blobKey(LIBRARY, blob.digest), THERE)]
      const before = this.possible.snapshot(effects)
      await client.pushBlob(LIBRARY, blob)
      this.possible.acknowledge(effects, before)
    }
  }

  /** All clients, each until it is told to stop. */
  async run(isOver: () => boolean): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.run(isOver)))
  }

  /**
   * What is wrong with the names that were changed of late. `isSettled`: all processes have died and started anew, so that what is shown
   * is what has happened, for good; else what a dead process left half-done may be settled from one question to the next.
   */
  async problemsWithChanges(client: RegistryClient, { isSettled }: { readonly isSettled: boolean }): Promise<readonly string[]> {
    const keys = new Set(this.#clients.flatMap(({ touched }) => [...touched]))
    const problems: string[] = []
    let unsettled: readonly string[] = []
    const settled = poll('tags with their manifests', SETTLED_MS, async () => {
      const answers = await show(client, keys)
      unsettled = [
        ...[...answers].filter(([, value]) => value.includes('HEAD')).map((answer) => answer.join(' ')),
        ...tornIn(answers),
      ]
      // Settled between one question and the next.
      if (!isSettled && [...answers.values()].some((value) => value.includes('HEAD'))) return undefined
      problems.push(...notAllowedIn(answers, this.possible.allowed))
      if (tornIn(answers).length === 0) return answers
      if (isSettled) problems.push(...tornIn(answers))
      return isSettled ? answers : undefined
    })
    const shown = await settled.catch((cause: unknown) => {
      throw new Error(`still not settled: ${unsettled.join('; ')}`, { cause })
    })
    if (!isSettled) return problems
    this.possible.settle(shown)
    for (const { touched } of this.#clients) touched.clear()
    return problems
  }

  /** What is wrong with anything, lists included, when nothing is under way. */
  async problemsWithEverything(client: RegistryClient): Promise<readonly string[]> {
    const shown = await show(client, this.possible.keys)
    return [...wrongIn(shown, this.possible.allowed), ...(await wrongLists(client, shown))]
  }
}
