import { createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { TemporaryFiles } from '../files/temporary-files.ts'
import { ImageError } from '../image-error.ts'
import { decompressor, type FoundCompression, findCompression, limitedGrowth, MAGIC_BYTES } from '../layers/found-compression.ts'
import { PeekedStream } from '../layers/peeked-stream.ts'

interface SpoolOptions {
  readonly label: string
  readonly temporary: TemporaryFiles
  readonly signal: AbortSignal
}

/** Writes a stream into a temporary file, unpacked where it is compressed as a whole; gives the path. Throws ImageError. */
export async function spool(chunks: AsyncIterable<Uint8Array>, { label, temporary, signal }: SpoolOptions): Promise<string> {
  const path = temporary.newPath()
  const stream = new PeekedStream(chunks)
  const found = findCompression(await stream.peek(MAGIC_BYTES))
  const source = Readable.from(stream.read(), { objectMode: false })
  try {
    if (found === undefined) await pipeline(source, createWriteStream(path), { signal })
    else
      await pipeline(
        source,
        decompressor(found),
        limitedGrowth(label, () => stream.bytes),
        createWriteStream(path),
        { signal },
      )
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof ImageError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ImageError(`${label} cannot be read whole into a temporary file (TMPDIR says where): ${why}`, { cause })
  }
  return path
}

/** Undefined: it is not compressed. */
export async function compressionOf(path: string): Promise<FoundCompression | undefined> {
  await using file = await open(path, 'r')
  const buffer = new Uint8Array(MAGIC_BYTES)
  const { bytesRead } = await file.read(buffer, 0, MAGIC_BYTES, 0)
  return findCompression(buffer.subarray(0, bytesRead))
}
