const BITS_FOR_EACH = 8
const LEAST_BITS = 64
const PLACES = 5

/** Texts as a set that says 'no' for certain, and 'yes' wrongly in one of fifty cases (Bloom's filter). */
export class NameFilterBuilder {
  /** Two of each text. */
  #hashes = new Uint32Array(1_024)
  #length = 0
  readonly #hash = new TextHash()

  /** The text `${kind} ${text}`, from a letter of `text` on, which is never made. */
  add(kind: string, text: string, from = 0): void {
    if (this.#length === this.#hashes.length) this.#makeRoom()
    const hash = this.#hash.begin().add(kind, 0).add(' ', 0).add(text, from)
    this.#hashes[this.#length] = hash.first
    this.#hashes[this.#length + 1] = hash.second
    this.#length += 2
  }

  /** Names that are there several times take none: a layer of many files has few of them. */
  #makeRoom(): void {
    if (this.#onlyOnce() * 2 <= this.#hashes.length) return
    const larger = new Uint32Array(2 * this.#hashes.length)
    larger.set(this.#hashes.subarray(0, this.#length))
    this.#hashes = larger
  }

  build(): Uint8Array {
    const length = this.#onlyOnce()
    const bytes = new Uint8Array(Math.ceil(Math.max(LEAST_BITS, (length / 2) * BITS_FOR_EACH) / 8))
    for (let at = 0; at < length; at += 2)
      for (let number = 0; number < PLACES; number += 1) {
        const place = placeOf(bytes, this.#hashes[at] ?? 0, this.#hashes[at + 1] ?? 0, number)
        bytes[place >>> 3] = (bytes[place >>> 3] ?? 0) | (1 << (place & 7))
      }
    return bytes
  }

  /** Many files have one name: hashes that are there several times take no room. Gives how many are left. */
  #onlyOnce(): number {
    new BigUint64Array(this.#hashes.buffer, 0, this.#length / 2).sort()
    let kept = 0
    for (let at = 0; at < this.#length; at += 2) {
      const [first, second] = [this.#hashes[at] ?? 0, this.#hashes[at + 1] ?? 0]
      if (kept > 0 && this.#hashes[kept - 2] === first && this.#hashes[kept - 1] === second) continue
      this.#hashes[kept] = first
      this.#hashes[kept + 1] = second
      kept += 2
    }
    this.#length = kept
    return kept
  }
}

/** Whether the set that was built of texts may have this one. */
export function mayHave(filter: Uint8Array, text: string): boolean {
  const { first, second } = new TextHash().begin().add(text, 0)
  for (let number = 0; number < PLACES; number += 1) {
    const place = placeOf(filter, first, second, number)
    if (((filter[place >>> 3] ?? 0) & (1 << (place & 7))) === 0) return false
  }
  return true
}

function placeOf({ length }: Uint8Array, first: number, second: number, number: number): number {
  return ((first + number * second) >>> 0) % (length * 8)
}

/** Two of FNV-1a, from two beginnings: they are kept, so that they stay as they are. One object serves for all names of a layer. */
class TextHash {
  #first = 0
  #second = 0

  begin(): this {
    this.#first = 0x811c9dc5
    this.#second = 0x01234567
    return this
  }

  /** The text from a letter on. */
  add(text: string, from: number): this {
    let [first, second] = [this.#first, this.#second]
    for (let at = from; at < text.length; at += 1) {
      const letter = text.charCodeAt(at)
      first = Math.imul(first ^ letter, 0x01000193)
      second = Math.imul(second ^ letter, 0x85ebca6b)
    }
    this.#first = first
    this.#second = second
    return this
  }

  get first(): number {
    return mixed(this.#first)
  }

  get second(): number {
    return (mixed(this.#second) | 1) >>> 0
  }
}

function mixed(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 16), 0x7feb352d)
  return (once ^ (once >>> 15)) >>> 0
}
