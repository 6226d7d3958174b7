/** Of BerkeleyDB's hash databases (dbinc/db_page.h), as rpm before 4.16 wrote them. */
const HASH_MAGIC = 0x061561
const PAGE_HEADER_BYTES = 26
const HASH_UNSORTED = 2
const OVERFLOW = 7
const HASH_PAGE = 13
const OFF_PAGE = 3
const MOST_VALUE_BYTES = 16 * 1024 * 1024

/** The values that lie on overflow pages: headers of packages are always larger than what a page keeps by itself. Nothing for another format. */
export function* berkeleyValues(database: Uint8Array): Generator<Uint8Array> {
  const bytes = Buffer.from(database.buffer, database.byteOffset, database.length)
  const file = fileOf(bytes)
  if (file === undefined) return
  const budget = { pages: Math.ceil(bytes.length / file.pageBytes) }
  for (let page = 1; (page + 1) * file.pageBytes <= bytes.length; page += 1) {
    const at = page * file.pageBytes
    const kind = bytes[at + 25]
    if (kind !== HASH_UNSORTED && kind !== HASH_PAGE) continue
    for (const first of overflowsOf(file, at)) {
      const value = valueFrom(file, first, budget)
      if (value !== undefined) yield value
    }
  }
}

interface BerkeleyFile {
  readonly bytes: Buffer
  readonly pageBytes: number
  readonly read16: (at: number) => number
  readonly read32: (at: number) => number
}

/** Numbers are in the order of the machine that wrote it, which the magic number tells. */
function fileOf(bytes: Buffer): BerkeleyFile | undefined {
  if (bytes.length < 512) return undefined
  const isLittle = bytes.readUInt32LE(12) === HASH_MAGIC
  if (!isLittle && bytes.readUInt32BE(12) !== HASH_MAGIC) return undefined
  const read16 = (at: number) => (isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at))
  const read32 = (at: number) => (isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at))
  const pageBytes = read32(20)
  if (pageBytes < 512 || pageBytes > 65_536 || (pageBytes & (pageBytes - 1)) !== 0) return undefined
  return { bytes, pageBytes, read16, read32 }
}

/** The first overflow page of each value on a page; keys and values take turns. */
function* overflowsOf({ bytes, pageBytes, read16, read32 }: BerkeleyFile, at: number): Generator<number> {
  const entries = read16(at + 20)
  if (PAGE_HEADER_BYTES + entries * 2 > pageBytes) return
  for (let entry = 1; entry < entries; entry += 2) {
    const offset = read16(at + PAGE_HEADER_BYTES + entry * 2)
    if (offset + 12 <= pageBytes && bytes[at + offset] === OFF_PAGE) yield read32(at + offset + 4)
  }
}

/** Each page belongs to one value: a file in which many share them was made to keep a reader busy. Throws for it. */
function valueFrom({ bytes, pageBytes, read16, read32 }: BerkeleyFile, first: number, budget: { pages: number }) {
  const parts: Uint8Array[] = []
  let size = 0
  for (let page = first; page !== 0; ) {
    const at = page * pageBytes
    if (at + pageBytes > bytes.length || bytes[at + 25] !== OVERFLOW) return undefined
    budget.pages -= 1
    if (budget.pages < 0) throw new Error('its values are larger than the file')
    // On an overflow page this field says how many of its bytes are used.
    const used = read16(at + 22)
    size += used
    if (used === 0 || PAGE_HEADER_BYTES + used > pageBytes || size > MOST_VALUE_BYTES) return undefined
    parts.push(bytes.subarray(at + PAGE_HEADER_BYTES, at + PAGE_HEADER_BYTES + used))
    page = read32(at + 16)
  }
  return Buffer.concat(parts)
}
