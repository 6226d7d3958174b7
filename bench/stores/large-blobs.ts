import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const BLOBS = 'docker/registry/v2/blobs/sha256'
const BLOB_BYTES = 10_000_000

/** Writes blobs of 10 MB below the root of a storage, so many bytes in all, no two of them equal. No repository has a link to them. */
export function writeLargeBlobs(root: string, bytes: number): void {
  const content = Buffer.alloc(BLOB_BYTES, 'layer ')
  for (let number = 0; number < bytes / BLOB_BYTES; number += 1) {
    content.writeUInt32BE(number)
    const hex = createHash('sha256').update(content).digest('hex')
    const directory = join(root, BLOBS, hex.slice(0, 2), hex)
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'data'), content)
  }
}
