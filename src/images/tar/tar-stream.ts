import { ImageError } from '../image-error.ts'
import { TakenBytes } from './taken-bytes.ts'
import { BLOCK_BYTES, tarPaddingLength } from './tar-header.ts'
import { MOST_RECORD_BYTES, type ReadHeader, readTarHeader, readTarRecords, type TarRecords, withRecords } from './tar-reading.ts'

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
  const bytes = new TakenBytes(chunks)
  try {
    yield* entriesIn(bytes, label)
  } finally {
    await bytes.end()
  }
}

async function* entriesIn(bytes: TakenBytes, label: string): AsyncGenerator<StreamedEntry> {
  let records: TarRecords = {}
  for (let entries = 0; ; entries += 1) {
    // An archive of empty files has a million headers: none is copied or waited for that is here.
    const block = bytes.find(BLOCK_BYTES) ?? (await bytes.take(BLOCK_BYTES))
    const header = readTarHeader(block)
    // As Go's reader does: some programs write no blocks of zeros at the end.
    if (header === 'end' || (block.length === 0 && entries > 0)) return
    const entry = header === undefined ? undefined : withRecords(header, records)
    if (entry === undefined) throw new ImageError(`${label} is no tar archive, or was cut`)
    if (entry.kind === 'records') {
      if (entry.size > MOST_RECORD_BYTES) throw new ImageError(`${label} has a name of ${entry.size} bytes, which no image has`)
      records = { ...records, ...readTarRecords(entry.type, await bytes.take(entry.size)) }
      await bytes.skip(tarPaddingLength(entry.size))
      continue
    }
    records = {}
    let left = entry.size
    const take = async (count: number) => {
      const taken = await bytes.take(Math.min(count, left))
      left -= taken.length
      return taken
    }
    const some = async () => {
      const found = await bytes.some(left)
      left -= found.length
      return found
    }
    if (entry.kind !== 'for all') yield { ...entry, take, some }
    const passed = left + tarPaddingLength(entry.size)
    if (passed > 0 && !(await bytes.skip(passed))) throw new ImageError(`${label} ends before its end: it was cut`)
  }
}
