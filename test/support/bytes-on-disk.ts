import { type Dirent, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Where the bytes of blobs lie. They move from uploads and staging to blobs, and from all of them to the trash: counted against that flow, a file that moves
 * meanwhile is counted once or not at all.
 */
const PLACES = ['berth/trash', 'docker/registry/v2/blobs', 'berth/staging', 'berth/uploads'] as const

/** How many bytes the blobs of a storage take, wherever they are. `between` is called after each place. */
export function blobBytesOnDisk(data: string, between: () => void = () => undefined): number {
  let bytes = 0
  for (const place of PLACES) {
    bytes += bytesIn(join(data, place))
    between()
  }
  return bytes
}

function bytesIn(place: string): number {
  let bytes = 0
  for (const entry of entriesOf(place)) {
    const path = join(place, entry.name)
    if (entry.isDirectory()) bytes += bytesIn(path)
    else if (entry.name === 'data') bytes += statSync(path, { throwIfNoEntry: false })?.size ?? 0
  }
  return bytes
}

/** A directory may go while its names are read. */
function entriesOf(place: string): readonly Dirent[] {
  try {
    return readdirSync(place, { withFileTypes: true })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}
