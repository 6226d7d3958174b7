/** Bytes of a file by their place. Fewer come at its end. */
export type ReadAt = (offset: number, length: number) => Promise<Uint8Array>

/** What an ELF file says of how it is run, and where its sections lie. */
export interface Elf {
  /** The program that loads it; undefined: the kernel runs it as it is. */
  readonly interpreter: string | undefined
  /** The libraries that it names. */
  readonly libraries: readonly string[]
  /** A section's bytes, at most so many; undefined: there is none of this name. */
  readonly section: (name: string, mostBytes: number) => Promise<Uint8Array | undefined>
}

const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46])
const HEADER_BYTES = 64
/** More than any linker makes. */
const MOST_HEADERS = 4_096
const MOST_STRINGS = 4 * 1024 * 1024
const MOST_LIBRARIES = 1_000
const PT_INTERP = 3
const DT_NEEDED = 1
const MOST_NAME_BYTES = 4_096

/** Undefined for what is no ELF file, or a damaged one. */
export async function readElf(readAt: ReadAt): Promise<Elf | undefined> {
  const header = bufferOf(await readAt(0, HEADER_BYTES))
  if (header.length < 52 || !header.subarray(0, 4).equals(MAGIC)) return undefined
  const words = new Words(header[4] === 2, header[5] !== 2)
  const sections = await sectionsOf(readAt, words, header)
  const section = async (name: string, mostBytes: number) => {
    const found = sections.find((each) => each.name === name)
    return found === undefined ? undefined : await readAt(found.offset, Math.min(found.size, mostBytes))
  }
  return { interpreter: await interpreterOf(readAt, words, header), libraries: await librariesOf(words, section), section }
}

interface Section {
  readonly name: string
  readonly offset: number
  readonly size: number
}

async function sectionsOf(readAt: ReadAt, words: Words, header: Buffer): Promise<readonly Section[]> {
  const [offset, size, count, names] = words.is64
    ? [words.word(header, 40), words.half(header, 58), words.half(header, 60), words.half(header, 62)]
    : [words.word(header, 32), words.half(header, 46), words.half(header, 48), words.half(header, 50)]
  if (count === 0 || count > MOST_HEADERS || size < (words.is64 ? 64 : 40) || size > 1_024) return []
  const table = bufferOf(await readAt(offset, count * size))
  const rows = Array.from({ length: Math.floor(table.length / size) }, (_, place) => {
    const row = table.subarray(place * size, (place + 1) * size)
    const [at, bytes] = words.is64 ? [words.word(row, 24), words.word(row, 32)] : [words.word(row, 16), words.word(row, 20)]
    return { nameAt: words.int(row, 0), offset: at, size: bytes }
  })
  const strings = rows[names]
  const text =
    strings === undefined ? Buffer.alloc(0) : bufferOf(await readAt(strings.offset, Math.min(strings.size, MOST_STRINGS)))
  return rows.map(({ nameAt, offset, size }) => ({ name: textAt(text, nameAt), offset, size }))
}

async function interpreterOf(readAt: ReadAt, words: Words, header: Buffer): Promise<string | undefined> {
  const [offset, size, count] = words.is64
    ? [words.word(header, 32), words.half(header, 54), words.half(header, 56)]
    : [words.word(header, 28), words.half(header, 42), words.half(header, 44)]
  if (count > MOST_HEADERS || size < (words.is64 ? 56 : 32) || size > 1_024) return undefined
  const table = bufferOf(await readAt(offset, count * size))
  for (let at = 0; at + size <= table.length; at += size) {
    if (words.int(table, at) !== PT_INTERP) continue
    const [place, bytes] = words.is64
      ? [words.word(table, at + 8), words.word(table, at + 32)]
      : [words.word(table, at + 4), words.word(table, at + 16)]
    return textAt(bufferOf(await readAt(place, Math.min(bytes, MOST_NAME_BYTES))), 0)
  }
  return undefined
}

async function librariesOf(words: Words, section: Elf['section']): Promise<readonly string[]> {
  const dynamic = bufferOf((await section('.dynamic', MOST_STRINGS)) ?? new Uint8Array(0))
  const names = bufferOf((await section('.dynstr', MOST_STRINGS)) ?? new Uint8Array(0))
  const libraries: string[] = []
  const step = words.is64 ? 8 : 4
  for (let at = 0; at + 2 * step <= dynamic.length && libraries.length < MOST_LIBRARIES; at += 2 * step)
    if (words.word(dynamic, at) === DT_NEEDED) libraries.push(textAt(names, words.word(dynamic, at + step)))
  return libraries.filter((name) => name !== '')
}

/** Numbers as the file has them: of 32 or 64 bits, and in the order of its machine. */
class Words {
  readonly is64: boolean
  readonly #isLittle: boolean

  constructor(is64: boolean, isLittle: boolean) {
    this.is64 = is64
    this.#isLittle = isLittle
  }

  half(bytes: Buffer, at: number): number {
    if (at + 2 > bytes.length) return 0
    return this.#isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at)
  }

  int(bytes: Buffer, at: number): number {
    if (at + 4 > bytes.length) return 0
    return this.#isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
  }

  /** A place or a size. One that no file reaches is the largest number there is. */
  word(bytes: Buffer, at: number): number {
    if (!this.is64) return this.int(bytes, at)
    if (at + 8 > bytes.length) return 0
    const value = this.#isLittle ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at)
    return Number(value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : value)
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** Cut where it is longer than any name: four thousand sections may all name the same megabytes. */
function textAt(bytes: Buffer, at: number): string {
  const text = bytes.subarray(at, at + MOST_NAME_BYTES)
  const end = text.indexOf(0)
  return text.toString('utf8', 0, end === -1 ? text.length : end)
}
