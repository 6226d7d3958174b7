import { open } from 'node:fs/promises'
import { ImageError } from '../image-error.ts'

/** Bytes of a file on this machine, which can be read several times. */
export interface FilePart {
  readonly path: string
  readonly offset: number
  readonly size: number
}

const CHUNK_BYTES = 256 * 1024

/** In chunks that are of use until the next is asked for. Throws ImageError when the file has become shorter. */
export async function* chunksOf({ path, offset, size }: FilePart): AsyncGenerator<Uint8Array> {
  await using file = await open(path, 'r')
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, size))
  for (let at = 0; at < size; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, size - at), offset + at)
    if (bytesRead === 0) throw new ImageError(`${path} has become shorter while it was read; try again`)
    yield buffer.subarray(0, bytesRead)
    at += bytesRead
  }
}

/** The whole of a small part. Throws ImageError above so many bytes. */
export async function bytesOf(part: FilePart, { maxBytes, label }: { readonly maxBytes: number; readonly label: string }) {
  if (part.size > maxBytes) throw new ImageError(`${label} has ${part.size} bytes; ${maxBytes} are the most for what it is`)
  const bytes = new Uint8Array(part.size)
  let filled = 0
  for await (const chunk of chunksOf(part)) {
    bytes.set(chunk, filled)
    filled += chunk.length
  }
  return bytes
}
