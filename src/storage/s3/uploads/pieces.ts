import { UploadGoneError } from '../../storage-errors.ts'
import type { LedgerEntry, Piece } from '../../upload-ledger.ts'
import type { Bucket } from '../bucket.ts'

/** How far the bytes of an upload reach without a gap. */
export function lengthOf({ parts, partSize, pieces }: LedgerEntry): number {
  return piecesEnd(pieces, parts.length * partSize)
}

/** How far pieces go on from a place. */
export function piecesEnd(pieces: readonly Piece[], from: number): number {
  let end = from
  for (const { start, length } of pieces) if (start <= end) end = Math.max(end, start + length)
  return end
}

/** The pieces as they are when everything from `offset` on is cut off. */
export function cutPieces(pieces: readonly Piece[], offset: number): readonly Piece[] {
  return pieces
    .filter((piece) => piece.start < offset)
    .map((piece) => ({ ...piece, length: Math.min(piece.length, offset - piece.start) }))
}

/** The bytes from `start` to `end`, which lie in the pieces. Throws UploadGoneError where they do not. */
export async function* readPieces(
  bucket: Bucket,
  pieces: readonly Piece[],
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  let position = start
  while (position < end) {
    const piece = pieces.find((each) => each.start <= position && position < each.start + each.length)
    if (piece === undefined) throw new UploadGoneError(`byte ${position} of an upload is in no piece`)
    const upTo = Math.min(end, piece.start + piece.length)
    const opened = await bucket.open(piece.key, { start: position - piece.start, end: upTo - piece.start })
    if (opened === undefined) throw new UploadGoneError(`the object store has lost ${piece.key}`)
    yield* opened.stream
    position = upTo
  }
}
