import {
  deleteObjectPartsAfter,
  deleteObjectUpload,
  findObjectUpload,
  insertObjectUpload,
  listObjectParts,
  listObjectUploads,
  type ObjectUploadRow,
  putObjectPart,
  setObjectMultipart,
  setObjectPieces,
} from '../metadata/object-uploads.ts'
import type { Metadata, Query } from '../metadata/query.ts'
import type { UploadState } from '../storage/driver.ts'
import { UploadGoneError } from '../storage/storage-errors.ts'
import type { LedgerEntry, Piece, UploadLedger } from '../storage/upload-ledger.ts'

/** What an object store's driver writes down about uploads, in the metadata that all processes share: rows of one upload at a time. */
export function metadataLedger(metadata: Metadata): UploadLedger {
  return {
    begin: (state, partSize) => metadata.write((query) => insertObjectUpload(query, state, partSize), state),
    find: async (state) => {
      const row = await findObjectUpload(metadata.read, state)
      return row && (await entryOf(metadata.read, row))
    },
    setMultipart: (state, { key, uploadId }) =>
      metadata.write(async (query) => {
        await known(query, state)
        await setObjectMultipart(query, state, key, uploadId)
      }, state),
    addPart: (state, part) =>
      metadata.write(async (query) => {
        await known(query, state)
        await putObjectPart(query, state, part)
      }, state),
    addPiece: (state, piece) =>
      metadata.write(async (query) => {
        const row = await known(query, state)
        await setObjectPieces(query, state, JSON.stringify([...piecesOf(row), piece]))
      }, state),
    cut: (state, parts, pieces) =>
      metadata.write(async (query) => {
        await deleteObjectPartsAfter(query, state, parts)
        await setObjectPieces(query, state, JSON.stringify(pieces))
      }, state),
    endMultipart: (state, pieces) =>
      metadata.write(async (query) => {
        await deleteObjectPartsAfter(query, state, 0)
        await setObjectMultipart(query, state, null, null)
        await setObjectPieces(query, state, JSON.stringify(pieces))
      }, state),
    remove: (state) => metadata.write((query) => deleteObjectUpload(query, state), state),
    list: async () => {
      const rows = await listObjectUploads(metadata.read)
      return await Promise.all(rows.map((row) => entryOf(metadata.read, row)))
    },
  }
}

async function known(query: Query, state: UploadState): Promise<ObjectUploadRow> {
  const row = await findObjectUpload(query, state)
  if (row === undefined) throw new UploadGoneError(`upload ${state} has ended`)
  return row
}

async function entryOf(query: Query, row: ObjectUploadRow): Promise<LedgerEntry> {
  const { partSize, multipartKey, multipartId, changedAtMs } = row
  const parts = await listObjectParts(query, row.state)
  const withoutGaps = parts.findIndex(({ number }, index) => number !== index + 1)
  return {
    state: row.state as UploadState,
    multipart: multipartKey === null || multipartId === null ? undefined : { key: multipartKey, uploadId: multipartId },
    partSize,
    parts: withoutGaps < 0 ? parts : parts.slice(0, withoutGaps),
    pieces: piecesOf(row),
    changedAtMs,
  }
}

function piecesOf({ pieces }: ObjectUploadRow): readonly Piece[] {
  return JSON.parse(pieces) as readonly Piece[]
}
