import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { Found } from '../told/found.ts'
import type { FileKind, LayerFile, LayerListing, Whiteout } from './layer-file.ts'
import { NameFilterBuilder } from './name-filter.ts'

/** Text of so much is compressed at once: it takes a millisecond. */
const PIECE_LETTERS = 128 * 1024
/** What one piece may unpack to: a file that names all packages is one row. */
const MOST_PIECE_BYTES = 64 * 1024 * 1024

/** A part of a layer's table of contents, as it is kept. */
export interface TablePiece {
  readonly bytes: Uint8Array
  /** Of whiteouts alone: they count before all files of their layer. */
  readonly isOfWhiteouts: boolean
}

/** Makes the table of contents of a layer while it is read, piece by piece: memory does not grow with it. */
export class LayerTable implements LayerListing {
  readonly #keep: (piece: TablePiece) => Promise<void>
  readonly #files = new Rows()
  readonly #whiteouts = new Rows()
  readonly #names = new NameFilterBuilder()
  entries = 0

  /** `keep` takes one piece after another. */
  constructor(keep: (piece: TablePiece) => Promise<void>) {
    this.#keep = keep
  }

  /** A filter of what is in it, for `mayHave`: its words are `wordOf` and `nameWordOf`. */
  names(): Uint8Array {
    return this.#names.build()
  }

  async addFile(file: LayerFile): Promise<void> {
    this.entries += 1
    this.#names.add(wordOf(file.path, file.kind === 'directory' ? 'directory' : 'file'))
    this.#names.add(nameWordOf(file.path.slice(file.path.lastIndexOf('/') + 1)))
    if (this.#files.add(rowOf(file))) await this.#keepFiles()
  }

  async addWhiteout({ path, isOpaque }: Whiteout): Promise<void> {
    this.entries += 1
    this.#names.add(wordOf(path, isOpaque ? 'opaque' : 'whiteout'))
    if (this.#whiteouts.add([path, isOpaque ? 1 : 0])) await this.#keepWhiteouts()
  }

  /** The layer has ended: what is left is kept, too. */
  async end(): Promise<void> {
    await this.#keepFiles()
    await this.#keepWhiteouts()
  }

  async #keepFiles(): Promise<void> {
    if (!this.#files.isEmpty) await this.#keep({ bytes: this.#files.pack(), isOfWhiteouts: false })
  }

  async #keepWhiteouts(): Promise<void> {
    if (!this.#whiteouts.isEmpty) await this.#keep({ bytes: this.#whiteouts.pack(), isOfWhiteouts: true })
  }
}

/** A path in the filter of a layer, as what it is there; 'file' is all that is no directory. */
export function wordOf(path: string, as: 'file' | 'directory' | 'whiteout' | 'opaque'): string {
  return `${as} ${path}`
}

/** The last part of a path in the filter of a layer. */
export function nameWordOf(name: string): string {
  return `name ${name}`
}

/** What a piece says. Throws for what is none. */
export function readPiece(bytes: Uint8Array): { readonly files: readonly LayerFile[]; readonly whiteouts: readonly Whiteout[] } {
  const text = zstdDecompressSync(bytes, { maxOutputLength: MOST_PIECE_BYTES }).toString('utf8')
  const rows = JSON.parse(text) as (FileRow | WhiteoutRow)[]
  const files: LayerFile[] = []
  const whiteouts: Whiteout[] = []
  for (const row of rows)
    if (isOfWhiteout(row)) whiteouts.push({ path: row[0], isOpaque: row[1] === 1 })
    else files.push(fileOf(row))
  return { files, whiteouts }
}

const KINDS: readonly FileKind[] = [
  ...(['file', 'directory', 'symbolic link', 'hard link'] as const),
  ...(['character device', 'block device', 'pipe', 'other'] as const),
]

type WhiteoutRow = readonly [path: string, isOpaque: number]
type FileRow = readonly [
  ...[path: string, kind: number, size: number, mode: number, userId: number, groupId: number, place: number],
  ...[target: string, fingerprint: string | 0, found: Found | 0],
]

function isOfWhiteout(row: FileRow | WhiteoutRow): row is WhiteoutRow {
  return row.length === 2
}

function rowOf({ path, kind, size, mode, userId, groupId, place, target, fingerprint, found }: LayerFile): FileRow {
  return [path, KINDS.indexOf(kind), size, mode, userId, groupId, place, target, fingerprint ?? 0, found ?? 0]
}

function fileOf([path, kind, size, mode, userId, groupId, place, target, fingerprint, found]: FileRow): LayerFile {
  const told = { found: found === 0 ? undefined : found, fingerprint: fingerprint === 0 ? undefined : fingerprint }
  return { path, kind: KINDS[kind] ?? 'other', size, mode, userId, groupId, place, target, ...told }
}

/** Rows as a list of JSON, until there are enough. */
class Rows {
  #rows: string[] = []
  #letters = 0

  get isEmpty(): boolean {
    return this.#rows.length === 0
  }

  /** True when they are to be packed. */
  add(row: FileRow | WhiteoutRow): boolean {
    const text = JSON.stringify(row)
    this.#rows.push(text)
    this.#letters += text.length
    return this.#letters >= PIECE_LETTERS
  }

  pack(): Uint8Array {
    const packed = zstdCompressSync(`[${this.#rows.join(',')}]`)
    this.#rows = []
    this.#letters = 0
    return packed
  }
}
