import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompressSync } from 'node:zlib'
import { columnsOf, type FileColumns, filesOf } from './file-columns.ts'
import type { LayerFile, LayerListing, Whiteout } from './layer-file.ts'
import { NameFilterBuilder } from './name-filter.ts'

const compress = promisify(zstdCompress)

/** So many files, or so much text, are one piece: to pack them or to read them takes a few milliseconds. */
const PIECE_FILES = 2_000
const PIECE_LETTERS = 256 * 1024
const PACKAGE_LETTERS = 60
/** Its work is done beside the event loop: 7 ms for a piece. */
const LEVEL = 15
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
  readonly #onKept: (entries: number) => void
  readonly #files: LayerFile[] = []
  readonly #whiteouts: Whiteout[] = []
  #letters = 0
  readonly #names = new NameFilterBuilder()
  entries = 0

  /** `keep` takes one piece after another; `onKept` is told of the entries that nothing holds any more. */
  constructor(keep: (piece: TablePiece) => Promise<void>, onKept: (entries: number) => void = () => undefined) {
    this.#keep = keep
    this.#onKept = onKept
  }

  /** A filter of what is in it, for `mayHave`: its words are `wordOf` and `nameWordOf`. */
  names(): Uint8Array {
    return this.#names.build()
  }

  addFile(file: LayerFile): void | Promise<void> {
    this.entries += 1
    this.#names.add(file.kind === 'directory' ? 'directory' : 'file', file.path)
    this.#names.add('name', file.path, file.path.lastIndexOf('/') + 1)
    this.#files.push(file)
    return this.#grow(lettersOf(file))
  }

  addWhiteout(whiteout: Whiteout): void | Promise<void> {
    this.entries += 1
    this.#names.add(whiteout.isOpaque ? 'opaque' : 'whiteout', whiteout.path)
    this.#whiteouts.push(whiteout)
    return this.#grow(whiteout.path.length)
  }

  #grow(letters: number): void | Promise<void> {
    this.#letters += letters
    const isLarge = this.#files.length + this.#whiteouts.length >= PIECE_FILES || this.#letters >= PIECE_LETTERS
    return isLarge ? this.end() : undefined
  }

  /** The layer has ended: what is left is kept, too. */
  async end(): Promise<void> {
    const entries = this.#files.length + this.#whiteouts.length
    await this.#keepAll()
    this.#onKept(entries)
  }

  async #keepAll(): Promise<void> {
    // Out of lists that stay: the engine takes one that has lived long and is filled for in use, and what is in it with it.
    const [files, whiteouts] = [this.#files.splice(0), this.#whiteouts.splice(0)]
    this.#letters = 0
    if (files.length > 0) await this.#keep({ bytes: await packed({ files: columnsOf(files) }), isOfWhiteouts: false })
    if (whiteouts.length > 0) await this.#keep({ bytes: await packed({ whiteouts }), isOfWhiteouts: true })
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
  const { files, whiteouts = [] } = JSON.parse(text) as Partial<PieceContent>
  return { files: files === undefined ? [] : filesOf(files), whiteouts }
}

interface PieceContent {
  readonly files: FileColumns
  readonly whiteouts: readonly Whiteout[]
}

async function packed(content: Partial<PieceContent>): Promise<Uint8Array> {
  return await compress(JSON.stringify(content), { params: { [constants.ZSTD_c_compressionLevel]: LEVEL } })
}

/** About as many letters as a file takes before it is packed. */
function lettersOf({ path, target, found }: LayerFile): number {
  return path.length + target.length + (found?.packages?.length ?? 0) * PACKAGE_LETTERS
}
