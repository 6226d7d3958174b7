import type { Duplex } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { ImageError } from '../image-error.ts'

export type FoundCompression = 'gzip' | 'zstd'

export const MAGIC_BYTES = 6

const MAGIC: readonly { readonly bytes: readonly number[]; readonly is: FoundCompression | 'xz' | 'bzip2' }[] = [
  { bytes: [0x1f, 0x8b], is: 'gzip' },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], is: 'zstd' },
  { bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], is: 'xz' },
  { bytes: [0x42, 0x5a, 0x68], is: 'bzip2' },
]

/** RFC 8878, 3.1.2: a frame for other programs, which may come before what is compressed. Its first byte is one of sixteen. */
function isSkippableFrame(first: Uint8Array): boolean {
  return ((first[0] ?? 0) & 0xf0) === 0x50 && first[1] === 0x2a && first[2] === 0x4d && first[3] === 0x18
}

/** How the bytes are compressed that begin like this; undefined: they are not. Throws ImageError for what is not unpacked here. */
export function findCompression(first: Uint8Array): FoundCompression | undefined {
  if (isSkippableFrame(first)) return 'zstd'
  const is = MAGIC.find(({ bytes }) => bytes.every((byte, at) => first[at] === byte))?.is
  if (is === 'xz' || is === 'bzip2')
    throw new ImageError(`the archive is compressed with ${is}; unpack it first, or use gzip or zstd`)
  return is
}

/** Bytes that are unpacked at once. The runtime's default is a quarter of it, and costs 1.5 times as much of the processor. */
const CHUNK_BYTES = 64 * 1024

export function decompressor(compression: FoundCompression): Duplex {
  return compression === 'gzip' ? createGunzip({ chunkSize: CHUNK_BYTES }) : createZstdDecompress({ chunkSize: CHUNK_BYTES })
}

/** What few bytes may unpack to in any case. */
const LEAST_LIMIT_BYTES = 256 * 1024 * 1024
/** Programs shrink to a fifth, zeros to a thousandth: what grows more is made of zeros, to fill a disk or to keep a program busy. */
const MOST_GROWTH = 100

/** Passes on what was unpacked out of so many bytes. Throws ImageError where that is too much. */
export function limitedGrowth(label: string, packedBytes: () => number) {
  return async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let bytes = 0
    for await (const chunk of chunks) {
      bytes += chunk.length
      if (bytes > Math.max(LEAST_LIMIT_BYTES, MOST_GROWTH * packedBytes()))
        throw new ImageError(`${label} unpacks to more than ${MOST_GROWTH} times its size; unpack it by hand if that is right`)
      yield chunk
    }
  }
}
