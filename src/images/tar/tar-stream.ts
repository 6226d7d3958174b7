import { ImageError } from '../image-error.ts'
import { TakenBytes } from './taken-bytes.ts'
import { BLOCK_BYTES, tarPaddingLength } from './tar-header.ts'
import {
  MOST_RECORD_BYTES,
  NO_RECORDS,
  type ReadHeader,
  readTarHeader,
  readTarRecords,
  type TarRecords,
  withRecords,
} from './tar-reading.ts'

/** An entry of an archive that is being read. */
export interface StreamedEntry extends ReadHeader {
  /** The next so many of its bytes, or what is left of them. Not after the next entry was asked for. */
  readonly take: (count: number) => Promise<Uint8Array>
  /** The next of its bytes as they came, and no copy: they stay as they are until more are asked for. None at its end. */
  readonly some: () => Promise<Uint8Array>
}

/**
 * The entries of a tar archive as it comes; bytes of files that nobody takes are passed over. Throws ImageError for what is no tar archive, and for
 * one that was cut.
 */
export async function* tarEntriesOf(chunks: AsyncIterable<Uint8Array>, label: string): AsyncGenerator<StreamedEntry> {
  const archive = new TarStream(chunks, label)
  try {
    for (let entry = await archive.next(); entry !== undefined; entry = await archive.next()) yield entry
  } finally {
    await archive.end()
  }
}

/** The same, one entry after another. `end` is to be called in any case. */
export class TarStream {
  readonly #bytes: TakenBytes
  readonly #label: string
  #entries = 0
  /** Its bytes are passed over before the next one. */
  #last: EntryInStream | undefined

  constructor(chunks: AsyncIterable<Uint8Array>, label: string) {
    this.#bytes = new TakenBytes(chunks)
    this.#label = label
  }

  /** Undefined at the end. A promise only where bytes have to come first: an archive of empty files has a million headers, and each promise takes memory. */
  next(): StreamedEntry | undefined | Promise<StreamedEntry | undefined> {
    const passed = this.#unread()
    if (!this.#bytes.has(passed + BLOCK_BYTES)) return this.#read(undefined)
    this.#bytes.pass(passed)
    const entry = this.#entryIn(this.#bytes.find(BLOCK_BYTES) ?? NO_BYTES, NO_RECORDS)
    return entry?.kind === 'records' || entry?.kind === 'for all' ? this.#read(entry) : entry
  }

  async end(): Promise<void> {
    await this.#bytes.end()
  }

  /** The next one that is a file, from `first` on where that has been read. */
  async #read(first: EntryInStream | undefined): Promise<StreamedEntry | undefined> {
    let records: TarRecords = NO_RECORDS
    for (let entry = first ?? (await this.#readHeader(records)); ; entry = await this.#readHeader(records)) {
      if (entry?.kind === 'records') records = { ...records, ...(await this.#recordsOf(entry)) }
      else if (entry?.kind === 'for all') records = NO_RECORDS
      else return entry
    }
  }

  async #readHeader(records: TarRecords): Promise<EntryInStream | undefined> {
    if (!(await this.#bytes.skip(this.#unread()))) throw new ImageError(`${this.#label} ends before its end: it was cut`)
    return this.#entryIn(await this.#bytes.take(BLOCK_BYTES), records)
  }

  async #recordsOf(entry: StreamedEntry): Promise<TarRecords> {
    if (entry.size > MOST_RECORD_BYTES)
      throw new ImageError(`${this.#label} has a name of ${entry.size} bytes, which no image has`)
    return readTarRecords(entry.type, await entry.take(entry.size))
  }

  #unread(): number {
    return this.#last === undefined ? 0 : this.#last.left + tarPaddingLength(this.#last.size)
  }

  #entryIn(block: Uint8Array, records: TarRecords): EntryInStream | undefined {
    this.#last = undefined
    const header = readTarHeader(block)
    // As Go's reader does: some programs write no blocks of zeros at the end.
    if (header === 'end' || (block.length === 0 && this.#entries > 0)) return undefined
    const entry = header === undefined ? undefined : withRecords(header, records)
    if (entry === undefined) throw new ImageError(`${this.#label} is no tar archive, or was cut`)
    this.#entries += 1
    this.#last = new EntryInStream(entry, this.#bytes)
    return this.#last
  }
}

const NO_BYTES = new Uint8Array(0)

/** An archive has hundreds of thousands: each is one object. */
class EntryInStream implements StreamedEntry {
  readonly kind: ReadHeader['kind']
  readonly type: string
  readonly path: string
  readonly target: string
  readonly size: number
  readonly mode: number
  readonly userId: number
  readonly groupId: number
  readonly #bytes: TakenBytes
  /** So many of its bytes have not been taken. */
  left: number

  constructor(header: ReadHeader, bytes: TakenBytes) {
    this.kind = header.kind
    this.type = header.type
    this.path = header.path
    this.target = header.target
    this.size = header.size
    this.mode = header.mode
    this.userId = header.userId
    this.groupId = header.groupId
    this.#bytes = bytes
    this.left = header.size
  }

  async take(count: number): Promise<Uint8Array> {
    const taken = await this.#bytes.take(Math.min(count, this.left))
    this.left -= taken.length
    return taken
  }

  async some(): Promise<Uint8Array> {
    const found = await this.#bytes.some(this.left)
    this.left -= found.length
    return found
  }
}
