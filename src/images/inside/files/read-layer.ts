import { createHash } from 'node:crypto'
import { shownText } from '../../../oci/image/shown-text.ts'
import { ImageError } from '../../image-error.ts'
import { limitedGrowth } from '../../layers/found-compression.ts'
import { unpackedLayer } from '../../layers/unpacked-layer.ts'
import { innerPath } from '../../tar/inner-path.ts'
import type { ReadHeader } from '../../tar/tar-reading.ts'
import { type StreamedEntry, tarEntriesOf } from '../../tar/tar-stream.ts'
import type { Found, Interest } from '../told/found.ts'
import type { FileKind, LayerContents, LayerFile, Whiteout } from './layer-file.ts'
import type { ReadingBudget } from './reading-budget.ts'

const WHITEOUT = '.wh.'
const OPAQUE = '.wh..wh..opq'
/** As Linux has it. */
const MOST_PATH_BYTES = 4_096
const MOST_SENTENCE = 500

export interface LayerReading {
  /** What the layer is called in a sentence. */
  readonly label: string
  readonly interests: readonly Interest[]
  /** Of all layers of the image. */
  readonly budget: ReadingBudget
  /** Whether each file gets a fingerprint. */
  readonly isCompared: boolean
}

/**
 * What is in a layer: its files by path, and what those tell that are of a kind that is read. A layer that is damaged, or made to keep a reader busy,
 * ends its own reading with a sentence. What its source throws is passed on.
 */
export async function readLayer(chunks: AsyncIterable<Uint8Array>, reading: LayerReading): Promise<LayerContents> {
  const files: LayerFile[] = []
  const whiteouts: Whiteout[] = []
  const problems: string[] = []
  const source = new Source(chunks)
  try {
    const unpacked = limitedGrowth(reading.label, () => source.bytes)(buffers(unpackedLayer(source.read())))
    for await (const entry of tarEntriesOf(unpacked, reading.label))
      await addEntry(entry, { files, whiteouts, problems, reading })
  } catch (error) {
    if (source.hasFailed) throw error
    problems.push(sentenceOf(error, reading.label))
  }
  return { files, whiteouts, problems }
}

interface Listing {
  readonly files: LayerFile[]
  readonly whiteouts: Whiteout[]
  readonly problems: string[]
  readonly reading: LayerReading
}

/** Tests of programs bring damaged files on purpose. */
const MOST_PROBLEMS = 10

async function addEntry(entry: StreamedEntry, listing: Listing): Promise<void> {
  const path = rootedPath(entry.path)
  if (path === undefined) return
  listing.reading.budget.takeEntry(path, entry.target)
  const whiteout = whiteoutAt(path)
  if (whiteout === undefined) listing.files.push(await fileOf(entry, path, listing))
  else listing.whiteouts.push(whiteout)
}

async function fileOf(entry: StreamedEntry, path: string, listing: Listing): Promise<LayerFile> {
  const { size, userId, groupId, target } = entry
  const kind = kindOf(entry)
  const content = kind === 'file' ? await contentOf(entry, path, listing) : NO_CONTENT
  return { path, kind, size, mode: entry.mode & 0o7777, userId, groupId, target, ...content }
}

const NO_CONTENT = { found: undefined, fingerprint: undefined }
const CHUNK_BYTES = 256 * 1024

async function contentOf(entry: StreamedEntry, path: string, { problems, reading }: Listing) {
  const { interests, budget, isCompared } = reading
  const interest = interests.find(({ matches }) => matches(path))
  const isRead = interest !== undefined && entry.size <= interest.mostBytes && budget.mayRead(entry.size)
  const bytes = isRead ? await entry.take(entry.size) : new Uint8Array(0)
  const found =
    isRead || interest?.mostBytes === 0 ? tellOf(interest, { bytes, path, problems, label: reading.label }) : undefined
  return { found, fingerprint: isCompared ? await fingerprintOf(bytes, entry) : undefined }
}

interface ReadFile {
  readonly bytes: Uint8Array
  readonly path: string
  readonly problems: string[]
  readonly label: string
}

/** What is damaged tells nothing but that. */
function tellOf(interest: Interest, { bytes, path, problems, label }: ReadFile): Found | undefined {
  try {
    return interest.read(bytes, path)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    if (problems.length < MOST_PROBLEMS)
      problems.push(shownText(`${label} has /${path}, which is damaged: ${why}`, MOST_SENTENCE))
    return undefined
  }
}

/** Half of a SHA-256: nobody makes two files of one fingerprint. */
async function fingerprintOf(taken: Uint8Array, entry: StreamedEntry): Promise<string> {
  const hash = createHash('sha256').update(taken)
  for (let bytes = await entry.take(CHUNK_BYTES); bytes.length > 0; bytes = await entry.take(CHUNK_BYTES)) hash.update(bytes)
  return hash.digest().toString('base64', 0, 16)
}

/** As a container sees it: `/a` and `./a` are one path. Undefined for one that leads out, or is longer than any path may be. */
function rootedPath(path: string): string | undefined {
  return path.length > MOST_PATH_BYTES ? undefined : innerPath(path.replace(/^\/+/, ''))
}

function whiteoutAt(path: string): Whiteout | undefined {
  const at = path.lastIndexOf('/') + 1
  const name = path.slice(at)
  if (!name.startsWith(WHITEOUT)) return undefined
  if (name === OPAQUE) return { path: path.slice(0, Math.max(0, at - 1)), isOpaque: true }
  return { path: path.slice(0, at) + name.slice(WHITEOUT.length), isOpaque: false }
}

const KINDS: Readonly<Record<string, FileKind>> = { '3': 'character device', '4': 'block device', '6': 'pipe', S: 'file' }

function kindOf({ kind, type }: ReadHeader): FileKind {
  if (kind === 'file' || kind === 'directory' || kind === 'symbolic link' || kind === 'hard link') return kind
  return KINDS[type] ?? 'other'
}

/** Bytes as they come from a registry, counted; knows whether it was they that failed, and not what is in them. */
class Source {
  readonly #chunks: AsyncIterable<Uint8Array>
  bytes = 0
  hasFailed = false

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks
  }

  async *read(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of this.#chunks) {
        this.bytes += chunk.length
        yield chunk
      }
    } catch (error) {
      this.hasFailed = true
      throw error
    }
  }
}

async function* buffers(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
}

function sentenceOf(error: unknown, label: string): string {
  if (error instanceof ImageError) return error.message
  return `${label} cannot be unpacked: ${error instanceof Error ? error.message : String(error)}`
}
