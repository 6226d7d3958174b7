import { createHash } from 'node:crypto'
import { shownText } from '../../../oci/image/shown-text.ts'
import { ImageError } from '../../image-error.ts'
import { limitedGrowth } from '../../layers/found-compression.ts'
import { unpackedLayer } from '../../layers/unpacked-layer.ts'
import { innerPath } from '../../tar/inner-path.ts'
import type { ReadHeader } from '../../tar/tar-reading.ts'
import { type StreamedEntry, TarStream } from '../../tar/tar-stream.ts'
import type { Found, Interest } from '../told/found.ts'
import type { FileKind, LayerContents, LayerFile, LayerListing, Whiteout } from './layer-file.ts'
import type { ReadingBudget } from './reading-budget.ts'

const WHITEOUT = '.wh.'
const OPAQUE = '.wh..wh..opq'
/** Of eStargz: a table of the archive and a mark of what is fetched first. They are about the layer, and no files of the image. */
const TABLES: readonly string[] = ['stargz.index.json', '.prefetch.landmark', '.no.prefetch.landmark']
/** As Linux has it. */
const MOST_PATH_BYTES = 4_096
const MOST_SENTENCE = 500

export interface LayerReading {
  /** What the layer is called in a sentence. */
  readonly label: string
  readonly interests: readonly Interest[]
  /** Of all layers of the image. */
  readonly budget: ReadingBudget
  /** Of the fingerprints that files get, which are compared with others of this key alone. Undefined: they get none. */
  readonly fingerprintKey: string | undefined
  /** Larger files are not read, whatever they may tell. Left out, as each kind of file has it. */
  readonly mostFileBytes?: number
  /** Is told of unpacked bytes; the reading goes on when it resolves. */
  readonly onUnpacked?: (bytes: number) => void | Promise<void>
}

/** All that is in a layer, at once. As `listLayer` otherwise. */
export async function readLayer(chunks: AsyncIterable<Uint8Array>, reading: LayerReading): Promise<LayerContents> {
  const files: LayerFile[] = []
  const whiteouts: Whiteout[] = []
  const listing = {
    addFile: (file: LayerFile) => void files.push(file),
    addWhiteout: (each: Whiteout) => void whiteouts.push(each),
  }
  return { files, whiteouts, problems: await listLayer(chunks, reading, listing) }
}

/**
 * What is in a layer: its files by path, and what those tell that are of a kind that is read. A layer that is damaged, or made to keep a reader busy,
 * ends its own reading with a sentence; these are given back. What its source throws is passed on; of what `listing` and `onUnpacked` throw
 * an ImageError is such a sentence, and all else is passed on.
 */
export async function listLayer(
  chunks: AsyncIterable<Uint8Array>,
  reading: LayerReading,
  listing: LayerListing,
): Promise<readonly string[]> {
  const problems: string[] = []
  const source = new Source(chunks)
  const asked = new Asked()
  const { onUnpacked = () => undefined } = reading
  try {
    const growth = limitedGrowth(reading.label, () => source.bytes)(buffers(unpackedLayer(source.read())))
    const unpacked = told(growth, (bytes) => asked.run(onUnpacked, bytes))
    const adding = {
      addFile: (file: LayerFile) => listing.addFile(file),
      addWhiteout: (whiteout: Whiteout) => listing.addWhiteout(whiteout),
    }
    await addEntries(new TarStream(unpacked, reading.label), { listing: adding, problems, reading, asked })
  } catch (error) {
    if (source.hasFailed || asked.hasFailed) throw error
    problems.push(sentenceOf(error, reading.label))
  }
  return problems
}

interface Listing {
  readonly listing: LayerListing
  readonly problems: string[]
  readonly reading: LayerReading
  readonly asked: Asked
}

/** Tests of programs bring damaged files on purpose. */
const MOST_PROBLEMS = 10

/** A layer may have 300,000 entries: what is here already is waited for in no promise, and for each are few objects made. */
async function addEntries(archive: TarStream, parts: Listing): Promise<void> {
  try {
    for (let place = 0; ; place += 1) {
      const next = archive.next()
      const entry = next instanceof Promise ? await next : next
      if (entry === undefined) return
      const added = addEntry(entry, place, parts)
      if (added !== undefined) await added
    }
  } finally {
    await archive.end()
  }
}

function addEntry(entry: StreamedEntry, place: number, parts: Listing): void | Promise<void> {
  const { listing, reading, problems, asked } = parts
  const longest = Math.max(entry.path.length, entry.target.length)
  if (longest > MOST_PATH_BYTES)
    return addProblem(problems, `${reading.label} has a name of ${longest} letters, which no system takes`)
  const path = rootedPath(entry.path)
  if (path === undefined || TABLES.includes(path)) return
  reading.budget.takeEntry(path, entry.target)
  const whiteout = whiteoutAt(path)
  if (whiteout !== undefined) return asked.run(listing.addWhiteout, whiteout)
  const isEmpty = kindOf(entry) !== 'file' || (entry.size === 0 && interestIn(path, reading) === undefined)
  return isEmpty
    ? asked.run(listing.addFile, fileOf(entry, { path, place }, NO_CONTENT))
    : addContent(entry, { path, place }, parts)
}

async function addContent(entry: StreamedEntry, file: PlacedPath, { listing, asked, ...parts }: Listing): Promise<void> {
  const content = await contentOf(entry, file.path, parts)
  await asked.run(listing.addFile, fileOf(entry, file, content))
}

function addProblem(problems: string[], sentence: string): void {
  if (problems.length < MOST_PROBLEMS) problems.push(shownText(sentence, MOST_SENTENCE))
}

type FileReading = Pick<Listing, 'problems' | 'reading'>

type FileContent = Pick<LayerFile, 'found' | 'fingerprint'>

type PlacedPath = Pick<LayerFile, 'path' | 'place'>

function fileOf(entry: StreamedEntry, { path, place }: PlacedPath, { found, fingerprint }: FileContent): LayerFile {
  const { size, userId, groupId, target } = entry
  return { path, place, kind: kindOf(entry), size, mode: entry.mode & 0o7777, userId, groupId, target, found, fingerprint }
}

function interestIn(path: string, { interests }: LayerReading): Interest | undefined {
  for (const interest of interests) if (interest.matches(path)) return interest
  return undefined
}

const NO_CONTENT: FileContent = { found: undefined, fingerprint: undefined }
const NO_BYTES = new Uint8Array(0)

async function contentOf(entry: StreamedEntry, path: string, { problems, reading }: FileReading): Promise<FileContent> {
  const { budget, fingerprintKey: key, label, mostFileBytes = Number.POSITIVE_INFINITY } = reading
  const interest = interestIn(path, reading)
  const isSmall = interest !== undefined && entry.size <= Math.min(interest.mostBytes, mostFileBytes)
  const isRead = isSmall && budget.mayRead(entry.size)
  if (!isRead && (interest?.mostBytes ?? 0) > 0)
    addProblem(problems, `${label} has /${path}, which is not read: with ${entry.size} bytes it is larger than what is`)
  const bytes = isRead ? await entry.take(entry.size) : NO_BYTES
  const found = isRead || interest?.mostBytes === 0 ? await tellOf(interest, { bytes, path, problems, label }) : undefined
  return { found, fingerprint: key === undefined || entry.size === 0 ? undefined : await fingerprintOf(key, bytes, entry) }
}

interface ReadFile {
  readonly bytes: Uint8Array
  readonly path: string
  readonly problems: string[]
  readonly label: string
}

/** What is damaged tells nothing but that. */
async function tellOf(interest: Interest, { bytes, path, problems, label }: ReadFile): Promise<Found | undefined> {
  try {
    return await interest.read(bytes, path)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    addProblem(problems, `${label} has /${path}, which is damaged: ${why}`)
    return undefined
  }
}

/** Each file has one, so it is short. The key is secret: without it an attacker cannot make a content with the fingerprint of another one. */
async function fingerprintOf(key: string, taken: Uint8Array, entry: StreamedEntry): Promise<number> {
  const hash = createHash('sha256').update(key).update(taken)
  for (let bytes = await entry.some(); bytes.length > 0; bytes = await entry.some()) hash.update(bytes)
  // 0 stands for none.
  return hash.digest().readUInt32LE(0) || 1
}

/** As a container sees it: `/a` and `./a` are one path. Undefined for one that leads out. */
function rootedPath(path: string): string | undefined {
  return innerPath(path.startsWith('/') ? path.replace(/^\/+/, '') : path)
}

function whiteoutAt(path: string): Whiteout | undefined {
  const at = path.lastIndexOf('/') + 1
  if (!path.startsWith(WHITEOUT, at)) return undefined
  const name = path.slice(at)
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

/** Knows whether it was the caller's own work that failed. An ImageError of it is about the layer. */
class Asked {
  hasFailed = false

  /** A promise only where the work gives one. */
  run<Given>(work: (given: Given) => void | Promise<void>, given: Given): void | Promise<void> {
    try {
      return work(given)?.catch(this.#failed)
    } catch (error) {
      return this.#failed(error)
    }
  }

  readonly #failed = (error: unknown): never => {
    this.hasFailed = !(error instanceof ImageError)
    throw error
  }
}

async function* told(chunks: AsyncIterable<Buffer>, onChunk: (bytes: number) => void | Promise<void>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    yield chunk
    await onChunk(chunk.length)
  }
}

async function* buffers(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
}

function sentenceOf(error: unknown, label: string): string {
  if (error instanceof ImageError) return error.message
  return `${label} cannot be unpacked: ${error instanceof Error ? error.message : String(error)}`
}
