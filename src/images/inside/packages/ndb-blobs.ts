/** Of rpm's own database (lib/backend/ndb/rpmpkg.c), as SUSE has it: a header, slots that say where each blob lies, and blobs, in units of 16 bytes. */
const DATABASE = 'RpmP'
const SLOT = 'Slot'
const BLOB = 'BlbS'
const UNIT_BYTES = 16
const HEADER_BYTES = 32
const PAGE_BYTES = 4096
const BLOB_HEAD_BYTES = 16

/** The headers of packages that its slots lead to. Nothing for another format; slots and blobs that are damaged are passed over. */
export function* ndbBlobs(database: Uint8Array): Generator<Uint8Array> {
  const bytes = Buffer.from(database.buffer, database.byteOffset, database.length)
  if (bytes.length < HEADER_BYTES || textAt(bytes, 0) !== DATABASE || bytes.readUInt32LE(4) !== 0) return
  const end = Math.min(bytes.length, bytes.readUInt32LE(12) * PAGE_BYTES)
  for (let at = HEADER_BYTES; at + UNIT_BYTES <= end; at += UNIT_BYTES) {
    const [number, place] = [bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at + 8) * UNIT_BYTES]
    if (textAt(bytes, at) !== SLOT || place === 0) continue
    const blob = blobAt(bytes, place, number)
    if (blob !== undefined) yield blob
  }
}

/** Where a slot leads stands the number of its package once more. */
function blobAt(bytes: Buffer, place: number, number: number): Uint8Array | undefined {
  const start = place + BLOB_HEAD_BYTES
  if (start > bytes.length || textAt(bytes, place) !== BLOB || bytes.readUInt32LE(place + 4) !== number) return undefined
  const length = bytes.readUInt32LE(place + 12)
  return start + length > bytes.length ? undefined : bytes.subarray(start, start + length)
}

function textAt(bytes: Buffer, at: number): string {
  return bytes.toString('latin1', at, at + 4)
}
