import { ImageError } from '../image-error.ts'
import { BLOCK_BYTES, tarPadding } from './tar-header.ts'
import { MOST_RECORD_BYTES, type ReadHeader, readTarHeader, readTarRecords, type TarRecords, withRecords } from './tar-reading.ts'

/** The entries of a tar archive as it comes, without the bytes of its files. Throws ImageError for what is no tar archive. */
export async function* tarEntriesOf(chunks: AsyncIterable<Uint8Array>, label: string): AsyncGenerator<ReadHeader> {
  const bytes = new TakenBytes(chunks)
  try {
    yield* entriesIn(bytes, label)
  } finally {
    await bytes.end()
  }
}

async function* entriesIn(bytes: TakenBytes, label: string): AsyncGenerator<ReadHeader> {
  let records: TarRecords = {}
  for (;;) {
    const header = readTarHeader(await bytes.take(BLOCK_BYTES))
    if (header === 'end') return
    const entry = header === undefined ? undefined : withRecords(header, records)
    if (entry === undefined) throw new ImageError(`${label} is no tar archive, or was cut`)
    if (entry.kind === 'records') {
      if (entry.size > MOST_RECORD_BYTES) throw new ImageError(`${label} has a name of ${entry.size} bytes, which no image has`)
      records = { ...records, ...readTarRecords(entry.type, await bytes.take(entry.size)) }
      await bytes.skip(tarPadding(entry.size).length)
      continue
    }
    records = {}
    await bytes.skip(entry.size + tarPadding(entry.size).length)
    if (entry.kind !== 'for all') yield entry
  }
}

/** A stream, by the number of bytes. */
class TakenBytes {
  readonly #chunks: AsyncIterator<Uint8Array>
  #rest = new Uint8Array(0)

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** So many bytes, or fewer at the end of the stream. */
  async take(count: number): Promise<Uint8Array> {
    const taken = new Uint8Array(count)
    let filled = 0
    while (filled < count && (await this.#fill())) {
      const part = this.#rest.subarray(0, count - filled)
      taken.set(part, filled)
      filled += part.length
      this.#rest = this.#rest.subarray(part.length)
    }
    return taken.subarray(0, filled)
  }

  async skip(count: number): Promise<void> {
    let left = count
    while (left > 0 && (await this.#fill())) {
      const passed = Math.min(left, this.#rest.length)
      left -= passed
      this.#rest = this.#rest.subarray(passed)
    }
  }

  /** Tells the source of the bytes that no more are wanted. */
  async end(): Promise<void> {
    await this.#chunks.return?.()
  }

  async #fill(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next()
      if (next.done) return false
      this.#rest = next.value as Uint8Array<ArrayBuffer>
    }
    return true
  }
}
