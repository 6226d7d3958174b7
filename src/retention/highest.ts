/**
 * The highest of many values, which come one after another: no more than so many are held, in a heap, so that none is sorted with all the others in
 * one turn of the event loop.
 */
export class Highest<Value> {
  readonly #count: number
  readonly #compare: (one: Value, other: Value) => number
  /** Each is no higher than the two at twice its place: the lowest stands first. */
  readonly #heap: Value[] = []

  constructor(count: number, compare: (one: Value, other: Value) => number) {
    this.#count = count
    this.#compare = compare
  }

  add(value: Value): void {
    if (this.#heap.length < this.#count) {
      this.#heap.push(value)
      this.#rise(this.#heap.length - 1)
      return
    }
    const [lowest] = this.#heap
    if (lowest === undefined || this.#compare(value, lowest) <= 0) return
    this.#heap[0] = value
    this.#sink(0)
  }

  /** Undefined where there was none. */
  lowest(): Value | undefined {
    return this.#heap[0]
  }

  /** In no order. */
  values(): readonly Value[] {
    return this.#heap
  }

  #rise(from: number): void {
    for (let place = from; place > 0; ) {
      const above = (place - 1) >> 1
      if (!this.#isLower(place, above)) return
      this.#swap(place, above)
      place = above
    }
  }

  #sink(from: number): void {
    for (let place = from; ; ) {
      const [left, right] = [2 * place + 1, 2 * place + 2]
      const lower = this.#isLower(right, left) ? right : left
      if (!this.#isLower(lower, place)) return
      this.#swap(lower, place)
      place = lower
    }
  }

  #isLower(place: number, other: number): boolean {
    const [value, against] = [this.#heap[place], this.#heap[other]]
    return value !== undefined && against !== undefined && this.#compare(value, against) < 0
  }

  #swap(place: number, other: number): void {
    const [value, against] = [this.#heap[place], this.#heap[other]]
    if (value === undefined || against === undefined) return
    this.#heap[place] = against
    this.#heap[other] = value
  }
}
