import type { UploadState } from './driver.ts'

/**
 * Where the bytes of one upload lie in the store. Whole parts are in the multipart upload, which cannot be read until it is complete; what
 * was acknowledged beyond them is in pieces, small objects of their own.
 */
export interface LedgerEntry {
  readonly state: UploadState
  readonly multipart: Multipart | undefined
  /** Of every part but the last one. */
  readonly partSize: number
  /** In their order, without gaps. */
  readonly parts: readonly UploadedPart[]
  /** In their order; they may overlap the parts. */
  readonly pieces: readonly Piece[]
  readonly changedAtMs: number
}

/** A multipart upload of the store. */
export interface Multipart {
  readonly key: string
  readonly uploadId: string
}

export interface UploadedPart {
  /** From 1. */
  readonly number: number
  /** With which the store acknowledged it. */
  readonly etag: string
}

/** Bytes of an upload in an object of its own. */
export interface Piece {
  readonly key: string
  /** The place of its first byte in the upload. */
  readonly start: number
  readonly length: number
}

/**
 * What is known of every upload, kept in the metadata: no list is ever asked of the store. Each method is durable before it resolves. The
 * entry owns what lies in the store: the methods that add to it throw UploadGoneError when it was removed meanwhile, and then the caller
 * removes what it has just made there.
 */
export interface UploadLedger {
  begin(state: UploadState, partSize: number): Promise<void>
  find(state: UploadState): Promise<LedgerEntry | undefined>
  setMultipart(state: UploadState, multipart: Multipart): Promise<void>
  /** A part of that number is replaced. */
  addPart(state: UploadState, part: UploadedPart): Promise<void>
  addPiece(state: UploadState, piece: Piece): Promise<void>
  /** Forgets the parts beyond the first ones, and takes these pieces for the ones that were known. */
  cut(state: UploadState, parts: number, pieces: readonly Piece[]): Promise<void>
  /** The multipart upload is no more; all bytes are in pieces. */
  endMultipart(state: UploadState, pieces: readonly Piece[]): Promise<void>
  /** What is not known is a success. */
  remove(state: UploadState): Promise<void>
  list(): Promise<readonly LedgerEntry[]>
}
