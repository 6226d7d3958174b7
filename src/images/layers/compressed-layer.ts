import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createGzip, createZstdCompress } from 'node:zlib'
import type { Descriptor } from '../../oci/descriptor.ts'
import { type Digest, RunningDigest } from '../../oci/digest.ts'
import { inPieces } from '../../runtime/pieces.ts'
import { chunksOf, type FilePart } from '../files/file-part.ts'
import { decompressor, type FoundCompression, limitedGrowth } from './found-compression.ts'

export const COMPRESSIONS = ['gzip', 'zstd'] as const

export type Compression = (typeof COMPRESSIONS)[number]

/** image-spec layer.md. */
export const LAYER_TYPES: Readonly<Record<Compression | 'none', string>> = {
  gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  none: 'application/vnd.oci.image.layer.v1.tar',
}

export interface CompressedLayer {
  readonly descriptor: Descriptor
  /** The digest of the archive before it was compressed. */
  readonly diffId: Digest
  readonly part: FilePart
}

/** A compressor's output may depend on how its input is cut. */
const PIECE_BYTES = 64 * 1024
const GZIP_LEVEL = 6
const ZSTD_LEVEL = 3

interface CompressOptions {
  readonly compression: Compression
  /** Of the file to write. */
  readonly path: string
  readonly signal: AbortSignal
}

/** Compresses a tar archive into a file. The same bytes give the same digest, also where they come in other chunks. */
export async function compressLayer(
  tar: AsyncIterable<Uint8Array>,
  { compression, path, signal }: CompressOptions,
): Promise<CompressedLayer> {
  const before = new RunningDigest('sha256')
  const after = new RunningDigest('sha256')
  let size = 0
  await pipeline(
    Readable.from(hashed(inPieces(tar, PIECE_BYTES), before), { objectMode: false }),
    compressor(compression),
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        after.update(chunk)
        size += chunk.length
        yield chunk
      }
    },
    createWriteStream(path),
    { signal },
  )
  const descriptor = { mediaType: LAYER_TYPES[compression], digest: after.digest(), size }
  return { descriptor, diffId: before.digest(), part: { path, offset: 0, size } }
}

interface UnpackOptions {
  readonly compression: FoundCompression
  /** As errors name the layer. */
  readonly label: string
  readonly signal: AbortSignal
}

/** The digest of what is in a layer that is compressed already. Throws where it cannot be unpacked, or unpacks to too much. */
export async function diffIdOf(part: FilePart, { compression, label, signal }: UnpackOptions): Promise<Digest> {
  const digest = new RunningDigest('sha256')
  const unpacking = async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) digest.update(chunk)
  }
  const packed = Readable.from(copied(chunksOf(part)), { objectMode: false })
  const limited = limitedGrowth(label, () => part.size)
  await pipeline(packed, decompressor(compression), limited, unpacking, { signal })
  return digest.digest()
}

function compressor(compression: Compression) {
  return compression === 'gzip'
    ? createGzip({ level: GZIP_LEVEL })
    : createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } })
}

/** Streams keep chunks while they ask for the next; those of files and of pieces share a buffer. */
async function* hashed(chunks: AsyncIterable<Uint8Array>, digest: RunningDigest): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    digest.update(chunk)
    yield chunk.slice()
  }
}

async function* copied(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield chunk.slice()
}
