/** Numbers that look random and are the same again for the same seed (mulberry32). */
export class SeededRandom {
  readonly seed: number
  #state: number

  constructor(seed: number) {
    this.seed = seed
    this.#state = seed >>> 0
  }

  /** At least 0, below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  /** A whole number from 0 to below `count`. */
  below(count: number): number {
    return Math.floor(this.next() * count)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** Throws when there is nothing to choose from. */
  pick<Value>(values: readonly Value[]): Value {
    const value = values[this.below(values.length)]
    if (value === undefined) throw new Error('there is nothing to choose from')
    return value
  }

  /** So many of the values, in their order; all of them where there are no more. */
  some<Value>(values: readonly Value[], count: number): readonly Value[] {
    let left = Math.min(count, values.length)
    return values.filter((_, index) => {
      const isPicked = this.next() * (values.length - index) < left
      if (isPicked) left -= 1
      return isPicked
    })
  }
}

/** The seed from the environment, or a new one; printed, so that a failed run can be repeated. */
export function seedFor(what: string): number {
  const seed = Number(process.env.BERTH_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
  process.stderr.write(`${what}: BERTH_TEST_SEED=${seed}\n`)
  return seed
}
