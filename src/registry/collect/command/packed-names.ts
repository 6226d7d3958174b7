import type { Digest } from '../../../oci/digest.ts'

const SHA256 = 'sha256:'
const ID_BYTES = 4
const RECORD_BYTES = ID_BYTES + 32
const FIRST_RECORDS = 256

/** A digest, of one repository or of the whole storage. */
export interface PackedName {
  readonly repositoryId: number
  readonly digest: Digest
}

/**
 * A set of names in the order in which they were added, for a command that may find a million: some 60 bytes for each, where a `Set` of texts takes
 * hundreds. A digest of the whole storage has the repository 0.
 */
export class PackedNames implements Iterable<PackedName> {
  #records = Buffer.alloc(FIRST_RECORDS * RECORD_BYTES)
  /** By hash, the number of a record, counted from 1; 0 is free. At most half of them are taken. */
  #slots = new Uint32Array(2 * FIRST_RECORDS)
  #packed = 0
  /** The few with another algorithm. */
  readonly #others = new Map<string, PackedName>()
  readonly #wanted = Buffer.alloc(RECORD_BYTES)

  get length(): number {
    return this.#packed + this.#others.size
  }

  add(repositoryId: number, digest: Digest): void {
    if (!digest.startsWith(SHA256)) {
      this.#others.set(`${repositoryId} ${digest}`, { repositoryId, digest })
      return
    }
    const slot = this.#find(repositoryId, digest)
    if (this.#slots[slot] !== 0) return
    this.#wanted.copy(this.#records, this.#packed * RECORD_BYTES)
    this.#packed += 1
    this.#slots[slot] = this.#packed
    if (this.#packed * RECORD_BYTES === this.#records.length) this.#grow()
  }

  has(repositoryId: number, digest: Digest): boolean {
    if (!digest.startsWith(SHA256)) return this.#others.has(`${repositoryId} ${digest}`)
    return this.#slots[this.#find(repositoryId, digest)] !== 0
  }

  *[Symbol.iterator](): Generator<PackedName> {
    for (let number = 0; number < this.#packed; number += 1) yield this.#at(number)
    yield* this.#others.values()
  }

  /** By digest. */
  *sorted(): Generator<PackedName> {
    const numbers = this.#byFirstBytes()
    // Few have the same first bytes: each moves a place or two.
    for (let place = 1; place < numbers.length; place += 1)
      for (let at = place; at > 0 && this.#compare(numbers[at - 1] ?? 0, numbers[at] ?? 0) > 0; at -= 1)
        [numbers[at - 1], numbers[at]] = [numbers[at] ?? 0, numbers[at - 1] ?? 0]
    for (const number of numbers) yield this.#at(number)
    yield* [...this.#others.values()].sort((one, other) => (one.digest < other.digest ? -1 : 1))
  }

  #at(number: number): PackedName {
    const repositoryId = this.#records.readUInt32LE(number * RECORD_BYTES)
    return { repositoryId, digest: `${SHA256}${this.#digestAt(number).toString('hex')}` as Digest }
  }

  /** Numbers of records by the first four bytes of their digests: plain numbers are sorted many times faster than by a comparing function. */
  #byFirstBytes(): Uint32Array {
    const keys = BigUint64Array.from({ length: this.#packed }, (_, number) => {
      return (BigInt(this.#records.readUInt32BE(number * RECORD_BYTES + ID_BYTES)) << 32n) | BigInt(number)
    })
    return Uint32Array.from(keys.sort(), (key) => Number(key & 0xffff_ffffn))
  }

  #compare(one: number, other: number): number {
    const [oneAt, otherAt] = [one * RECORD_BYTES + ID_BYTES, other * RECORD_BYTES + ID_BYTES]
    const [oneEnd, otherEnd] = [(one + 1) * RECORD_BYTES, (other + 1) * RECORD_BYTES]
    return this.#records.compare(this.#records, otherAt, otherEnd, oneAt, oneEnd)
  }

  #digestAt(number: number): Buffer {
    return this.#records.subarray(number * RECORD_BYTES + ID_BYTES, (number + 1) * RECORD_BYTES)
  }

  /** The slot of a name, or the free one where it belongs. Leaves its record in `#wanted`. */
  #find(repositoryId: number, digest: Digest): number {
    this.#wanted.writeUInt32LE(repositoryId)
    this.#wanted.write(digest.slice(SHA256.length), ID_BYTES, 'hex')
    return this.#slotOf(this.#wanted)
  }

  #slotOf(record: Buffer): number {
    const mask = this.#slots.length - 1
    let slot = (record.readUInt32LE(ID_BYTES) ^ Math.imul(record.readUInt32LE(0), 0x9e3779b1)) & mask
    for (; ; slot = (slot + 1) & mask) {
      const number = this.#slots[slot] ?? 0
      if (number === 0) return slot
      if (this.#records.compare(record, 0, RECORD_BYTES, (number - 1) * RECORD_BYTES, number * RECORD_BYTES) === 0) return slot
    }
  }

  #grow(): void {
    const records = Buffer.alloc(2 * this.#records.length)
    this.#records.copy(records)
    this.#records = records
    this.#slots = new Uint32Array(2 * this.#slots.length)
    for (let number = 0; number < this.#packed; number += 1)
      this.#slots[this.#slotOf(records.subarray(number * RECORD_BYTES, (number + 1) * RECORD_BYTES))] = number + 1
  }
}
