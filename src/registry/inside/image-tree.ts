import { setImmediate } from 'node:timers/promises'
import { ImageError } from '../../images/image-error.ts'
import { ImageFiles } from '../../images/inside/files/image-files.ts'
import { readPiece } from '../../images/inside/files/layer-table.ts'
import { ReadingBudget } from '../../images/inside/files/reading-budget.ts'
import { BEFORE_FIRST_PIECE, findLayerPiece } from '../../metadata/inside/layers.ts'
import type { Query } from '../../metadata/query.ts'
import { FileGarbage } from './file-garbage.ts'

/** They take two milliseconds: other requests have their turn then. */
const FILES_AT_ONCE = 500

export interface ImageTree {
  readonly files: ImageFiles
  /** Why not all of it is told. */
  readonly problems: readonly string[]
}

interface TreeReading {
  readonly signal: AbortSignal
  /** Is told of a part of a table of contents, and how many files it has; the reading goes on when it resolves. Left out: other work has its turn. */
  readonly afterPiece?: (files: number) => Promise<void>
  /** Left out: of this process. */
  readonly garbage?: Pick<FileGarbage, 'add'>
}

/** The files of an image as a container sees them, out of the tables of its layers, the lowest first. An image with more than any has is told in part. */
export async function readTree(
  query: Query,
  layerIds: readonly (number | undefined)[],
  reading: TreeReading,
): Promise<ImageTree> {
  const files = new ImageFiles()
  const growing = { files, budget: new ReadingBudget(), garbage: new FileGarbage(), ...reading }
  try {
    for (const id of layerIds) await addLayer(query, id, growing)
  } catch (error) {
    if (!(error instanceof ImageError)) throw error
    return { files, problems: [error.message] }
  }
  return { files, problems: [] }
}

interface Growing extends TreeReading {
  readonly files: ImageFiles
  readonly budget: ReadingBudget
  readonly garbage: Pick<FileGarbage, 'add'>
}

async function addLayer(
  query: Query,
  id: number | undefined,
  { files, budget, garbage, signal, afterPiece = () => setImmediate() }: Growing,
): Promise<void> {
  files.beginLayer()
  if (id === undefined) return
  let last = BEFORE_FIRST_PIECE
  for (let piece = await findLayerPiece(query, id, last); piece !== undefined; piece = await findLayerPiece(query, id, last)) {
    signal.throwIfAborted()
    last = piece.number
    const added = await addPiece(piece.bytes, files, budget)
    garbage.add(added)
    await afterPiece(added)
  }
}

/** Gives how many files it has. */
async function addPiece(bytes: Uint8Array, files: ImageFiles, budget: ReadingBudget): Promise<number> {
  const read = readPiece(bytes)
  for (const whiteout of read.whiteouts) files.addWhiteout(whiteout)
  let added = 0
  for (const file of read.files) {
    budget.takeEntry(file.path, file.target)
    files.addFile(file)
    added += 1
    if (added % FILES_AT_ONCE === 0) await setImmediate()
  }
  return added
}
