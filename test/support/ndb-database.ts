const PAGE_BYTES = 4096
const UNIT_BYTES = 16
/** Head and tail of a blob. */
const FRAME_BYTES = 28

/** A database as rpm writes it where it is built with NDB (lib/backend/ndb/rpmpkg.c), as at SUSE: each header in a blob of its own; undefined leaves its slot free. */
export function ndbDatabase(headers: readonly (Uint8Array | undefined)[]): Buffer {
  const slots = Buffer.alloc(PAGE_BYTES)
  for (let at = 0; at < PAGE_BYTES; at += UNIT_BYTES) slots.write('Slot', at)
  slots.fill(0, 0, 2 * UNIT_BYTES)
  slots.write('RpmP')
  slots.writeUInt32LE(1, 12)
  slots.writeUInt32LE(headers.length + 1, 16)
  const blobs: Buffer[] = []
  let place = PAGE_BYTES
  for (const [at, header] of headers.entries()) {
    if (header === undefined) continue
    const blob = blobOf(header, at + 1)
    const slot = (2 + at) * UNIT_BYTES
    slots.writeUInt32LE(at + 1, slot + 4)
    slots.writeUInt32LE(place / UNIT_BYTES, slot + 8)
    slots.writeUInt32LE(blob.length / UNIT_BYTES, slot + 12)
    blobs.push(blob)
    place += blob.length
  }
  return Buffer.concat([slots, ...blobs])
}

/** Between its head and its tail, up to a whole unit. */
function blobOf(header: Uint8Array, number: number): Buffer {
  const bytes = Buffer.alloc(Math.ceil((header.length + FRAME_BYTES) / UNIT_BYTES) * UNIT_BYTES)
  bytes.write('BlbS')
  bytes.writeUInt32LE(number, 4)
  bytes.writeUInt32LE(header.length, 12)
  bytes.set(header, 16)
  bytes.writeUInt32LE(header.length, bytes.length - 8)
  bytes.write('BlbE', bytes.length - 4)
  return bytes
}
