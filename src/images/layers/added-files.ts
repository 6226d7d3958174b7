import { lstat, readdir, readlink, stat } from 'node:fs/promises'
import { basename, join, posix } from 'node:path'
import { hasCode } from '../../runtime/error-code.ts'
import { chunksOf } from '../files/file-part.ts'
import { ImageError } from '../image-error.ts'
import { type TarEntry, tarEnd, tarHeader, tarPadding } from '../tar/tar-header.ts'
import type { Addition } from './addition.ts'

export interface AddedFile {
  readonly entry: TarEntry
  /** Of its bytes. */
  readonly source: string
}

interface FileStatus {
  readonly mode: number
  readonly size: number
  isFile(): boolean
  isDirectory(): boolean
  isSymbolicLink(): boolean
}

/** The files that these add, each path once, with one time for all; links stay links. Throws ImageError for what cannot be in an image. */
export async function addedFiles(additions: readonly Addition[], modifiedSeconds: number): Promise<readonly AddedFile[]> {
  const files = new Map<string, AddedFile>()
  for (const addition of additions) for await (const file of filesOf(addition, modifiedSeconds)) files.set(file.entry.path, file)
  return [...files.values()]
}

/** A layer of these, as a tar archive. */
export async function* layerTar(files: readonly AddedFile[]): AsyncGenerator<Uint8Array> {
  for (const { entry, source } of files) {
    yield tarHeader(entry)
    if (entry.sizeBytes > 0) yield* chunksOf({ path: source, offset: 0, size: entry.sizeBytes })
    yield tarPadding(entry.sizeBytes)
  }
  yield tarEnd()
}

/** The source itself may be a link to what is meant. */
async function* filesOf(addition: Addition, modifiedSeconds: number): AsyncGenerator<AddedFile> {
  const { source, destination } = addition
  const status = await statusOf(source, stat)
  const below = destination.endsWith('/') && !status.isDirectory() ? posix.join(destination, basename(source)) : destination
  const path = below.replace(/^\/|\/$/g, '')
  if (path === '' && !status.isDirectory())
    throw new ImageError(`${source} is a file; it cannot take the place of the root folder`)
  yield* walk({ source, path, status }, addition, modifiedSeconds)
}

interface Place {
  readonly source: string
  readonly path: string
  readonly status: FileStatus
}

async function* walk({ source, path, status }: Place, addition: Addition, modifiedSeconds: number): AsyncGenerator<AddedFile> {
  if (path !== '') yield { source, entry: await entryOf({ source, path, status }, addition, modifiedSeconds) }
  if (!status.isDirectory()) return
  for (const name of await readdir(source)) {
    const inside = join(source, name)
    const next = { source: inside, path: posix.join(path, name), status: await statusOf(inside, lstat) }
    yield* walk(next, addition, modifiedSeconds)
  }
}

async function entryOf(
  { source, path, status }: Place,
  { userId, groupId, mode }: Addition,
  modifiedSeconds: number,
): Promise<TarEntry> {
  const common = { path, userId, groupId, modifiedSeconds, sizeBytes: 0, target: '' }
  if (status.isSymbolicLink()) return { ...common, kind: 'symbolic link', mode: 0o777, target: await readlink(source) }
  if (status.isDirectory())
    return { ...common, kind: 'directory', mode: mode === undefined ? status.mode & 0o7777 : enterable(mode) }
  if (status.isFile()) return { ...common, kind: 'file', mode: mode ?? status.mode & 0o7777, sizeBytes: status.size }
  throw new ImageError(`${source} is no file, folder or link; an image cannot have it`)
}

/** Who may read a folder may enter it. */
function enterable(mode: number): number {
  return mode | ((mode & 0o444) >> 2)
}

async function statusOf(source: string, look: (path: string) => Promise<FileStatus>): Promise<FileStatus> {
  try {
    return await look(source)
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) throw new ImageError(`${source} is not there, so it cannot be added`, { cause })
    throw new ImageError(`${source} cannot be read: ${(cause as Error).message}`, { cause })
  }
}
