import type { FileHandle } from 'node:fs/promises'
import { ImageError } from '../image-error.ts'
import { innerPath, resolveLink } from './inner-path.ts'
import { BLOCK_BYTES, tarPadding } from './tar-header.ts'
import { MOST_RECORD_BYTES, NO_RECORDS, type ReadHeader, readTarHeader, readTarRecords, withRecords } from './tar-reading.ts'

/** Where in a file the bytes of an entry lie. */
export interface TarPlace {
  readonly offset: number
  readonly size: number
}

/** More than any archive of images has: a layer has two or three entries. */
const MOST_ENTRIES = 100_000
const MOST_LINKS = 8

/**
 * The files of a tar archive by their paths. Only headers are read; nothing is written anywhere. Throws ImageError for what is no tar
 * archive, for one that was cut, and for paths and links that lead out of it.
 */
export class TarIndex {
  readonly #files: ReadonlyMap<string, TarPlace>
  readonly #links: ReadonlyMap<string, string>

  private constructor(files: ReadonlyMap<string, TarPlace>, links: ReadonlyMap<string, string>) {
    this.#files = files
    this.#links = links
  }

  static async read(file: FileHandle, label: string): Promise<TarIndex> {
    const files = new Map<string, TarPlace>()
    const links = new Map<string, string>()
    for await (const entry of entriesOf(file, label)) {
      const path = innerPath(entry.path)
      if (path === undefined) throw new ImageError(`${label} has the path ${shown(entry.path)}, which leads out of it`)
      if (entry.kind === 'directory') continue
      if (files.has(path) || links.has(path))
        throw new ImageError(`${label} has ${shown(path)} twice: no program wrote it like that`)
      if (entry.kind === 'file') files.set(path, { offset: entry.offset, size: entry.size })
      else links.set(path, linkTarget(entry, path, label))
    }
    return new TarIndex(files, links)
  }

  /** Follows links inside of the archive. */
  find(path: string): TarPlace | undefined {
    let at = path
    for (let followed = 0; followed < MOST_LINKS; followed += 1) {
      const next = this.#links.get(at)
      if (next === undefined) return this.#files.get(at)
      at = next
    }
    return undefined
  }
}

function linkTarget({ kind, target }: PlacedEntry, path: string, label: string): string {
  const inside = kind === 'hard link' ? innerPath(target) : resolveLink(path, target)
  if (inside !== undefined) return inside
  throw new ImageError(`${label} has a link ${shown(path)} to ${shown(target)}, which leads out of it`)
}

interface PlacedEntry extends ReadHeader {
  /** Of its bytes in the file. */
  readonly offset: number
}

async function* entriesOf(file: FileHandle, label: string): AsyncGenerator<PlacedEntry> {
  const { size: fileBytes } = await file.stat()
  let at = 0
  let records = NO_RECORDS
  for (let entries = 0; ; entries += 1) {
    if (entries >= MOST_ENTRIES) throw new ImageError(`${label} has more than ${MOST_ENTRIES} entries, which no image has`)
    if (at + BLOCK_BYTES > fileBytes) throw at === 0 ? notTar(label) : wasCut(label)
    const header = readTarHeader(await readAt(file, at, BLOCK_BYTES))
    if (header === 'end') return
    if (header === undefined)
      throw at === 0 ? notTar(label) : new ImageError(`${label} is damaged: at byte ${at} is no entry of a tar archive`)
    const entry = withRecords(header, records)
    if (entry === undefined) throw new ImageError(`${label} is damaged: an entry has a size or an owner that is no number`)
    const offset = at + BLOCK_BYTES
    if (offset + entry.size > fileBytes) throw wasCut(label)
    at = offset + entry.size + tarPadding(entry.size).length
    if (entry.kind === 'records') {
      if (entry.size > MOST_RECORD_BYTES) throw new ImageError(`${label} has a name of ${entry.size} bytes, which no image has`)
      records = { ...records, ...readTarRecords(entry.type, await readAt(file, offset, entry.size)) }
      continue
    }
    records = NO_RECORDS
    if (entry.kind === 'other') throw new ImageError(`${label} has ${shown(entry.path)}, which is no file, folder or link`)
    if (entry.kind !== 'for all') yield { ...entry, offset }
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(length)
  const { bytesRead } = await file.read(buffer, 0, length, position)
  return buffer.subarray(0, bytesRead)
}

function notTar(label: string): ImageError {
  return new ImageError(
    `${label} is no archive of images; give what docker save, podman save or skopeo wrote, or the folder of an OCI layout`,
  )
}

function wasCut(label: string): ImageError {
  return new ImageError(`${label} ends before its end: it was cut; make or copy it again`)
}

/** A path out of an archive may hold anything, control characters of terminals too. */
function shown(path: string): string {
  return JSON.stringify(path.slice(0, 200))
}
