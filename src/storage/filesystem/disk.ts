import {
  close,
  closeSync,
  constants,
  fstat,
  fstatSync,
  fsync,
  ftruncate,
  open,
  openSync,
  statfsSync,
  write,
  writeSync,
} from 'node:fs'
import * as fs from 'node:fs/promises'
import { promisify } from 'node:util'
import { type RegistryError, unavailable } from '../../oci/errors.ts'
import { hasCode } from '../../runtime/error-code.ts'
import { Semaphore } from '../../runtime/semaphore.ts'
import { withDescriptor } from '../free-descriptor.ts'
import { StorageFault, storageFull, storageReadOnly } from '../storage-errors.ts'
import { WritePace } from './write-pace.ts'

/**
 * The few things a file system does, one system call each. The driver says in which order; the power-cut test records that order
 * and replays it cut short.
 */
export interface Disk {
  /** True where the sync of a new file makes the names that lead to it durable as well (ext4, XFS, Btrfs). */
  readonly syncsNames: boolean
  /** True where a directory that was removed and made again is as durable as one that stayed, whichever process looks at it. */
  readonly mayRemoveDirectories: boolean
  open(path: string, how: OpenHow): Promise<DiskFile>
  makeDirectory(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  syncDirectory(path: string): Promise<void>
  removeTree(path: string): Promise<void>
  /** False when something is in it. Fails with ENOENT when it is not there. */
  removeEmptyDirectory(path: string): Promise<boolean>
  readFile(path: string): Promise<Uint8Array>
  stat(path: string): Promise<DiskEntry | undefined>
  list(path: string): Promise<string[]>
  space(path: string): Promise<{ readonly freeBytes: number; readonly totalBytes: number }>
}

/** The first two fail with EEXIST, `modify` with ENOENT. A secret file is its owner's alone, from its first moment on. */
export type OpenHow = 'create' | 'create secret' | 'modify'

export interface DiskEntry {
  readonly isDirectory: boolean
  readonly size: number
  readonly modifiedAtMs: number
}

export interface DiskFile {
  /** Writes all bytes at the position, or throws. `mayWait` as in a write of an upload. */
  write(bytes: Uint8Array, position: number, mayWait?: () => boolean): Promise<void>
  truncate(length: number): Promise<void>
  size(): Promise<number>
  sync(): Promise<void>
  close(): Promise<void>
}

/** The real disk below a root. `root` is absolute. */
export async function openDisk(root: string): Promise<Disk> {
  const { type } = await fs.statfs(root)
  // In memory nothing survives a power cut, and nothing has to.
  return new LocalDisk(LOCAL_FILE_SYSTEMS.has(type), { mayRemoveDirectories: isOfThisMachine(type) })
}

/** No other machine changes what lies there: what the kernel says of a file at once is true. */
export async function isOnThisMachine(root: string): Promise<boolean> {
  return isOfThisMachine((await fs.statfs(root)).type)
}

export function isMissing(error: unknown): boolean {
  return hasCode(error, 'ENOENT')
}

const EXT4 = 0xef53
const XFS = 0x58465342
const BTRFS = 0x9123683e
const TMPFS = 0x01021994
const LOCAL_FILE_SYSTEMS: ReadonlySet<number> = new Set([EXT4, XFS, BTRFS])

function isOfThisMachine(type: number): boolean {
  return LOCAL_FILE_SYSTEMS.has(type) || type === TMPFS
}

/**
 * `isLocal`: on ext4, XFS and Btrfs what only needs the memory of the kernel is done at once: opening again what was just written or
 * renamed into, its size, closing it, the free space. That takes 1 to 3 µs; a trip to the file pool takes 5 to 40, and a small layer
 * took 27 of them where it now takes 14. What may wait for the disk or its journal always goes to the pool, and elsewhere all of it.
 *
 * So are writes, as long as the disk keeps up. While an upload waits for the pool the runtime gathers up to 4 MiB of its body: 40 uploads
 * took 160 MB and 2.7 s of CPU a GB that way, and take 20 MB and 1.5 s when each chunk is written before the loop reads the next.
 */
class LocalDisk implements Disk {
  readonly syncsNames: boolean
  readonly mayRemoveDirectories: boolean
  readonly #isLocal: boolean
  readonly #pace = new WritePace()

  constructor(isLocal: boolean, { mayRemoveDirectories }: Pick<Disk, 'mayRemoveDirectories'>) {
    this.syncsNames = isLocal
    this.mayRemoveDirectories = mayRemoveDirectories
    this.#isLocal = isLocal
  }

  async open(path: string, how: OpenHow): Promise<DiskFile> {
    if (how === 'modify' && this.#isLocal) {
      return this.#file(await orRefused(withDescriptor(() => openSync(path, constants.O_WRONLY))))
    }
    const flags = how === 'modify' ? constants.O_WRONLY : constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
    const file = await orRefused(withDescriptor(() => openLater(path, flags, how === 'create secret' ? 0o600 : 0o666)))
    return this.#file(file)
  }

  async makeDirectory(path: string): Promise<void> {
    await orRefused(fs.mkdir(path))
  }

  async rename(from: string, to: string): Promise<void> {
    await orRefused(fs.rename(from, to))
  }

  async syncDirectory(path: string): Promise<void> {
    const file = await orRefused(withDescriptor(() => (this.#isLocal ? openSync(path, 'r') : openLater(path, 'r'))))
    const directory = this.#file(file)
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  }

  async removeTree(path: string): Promise<void> {
    await orRefused(withDescriptor(() => fs.rm(path, { recursive: true, force: true })))
  }

  async removeEmptyDirectory(path: string): Promise<boolean> {
    try {
      await fs.rmdir(path)
      return true
    } catch (error) {
      if (NOT_EMPTY.some((code) => hasCode(error, code))) return false
      throw refusalFor(error) ?? faultFor(error) ?? error
    }
  }

  async readFile(path: string): Promise<Uint8Array> {
    return new Uint8Array(await orRefused(withDescriptor(() => fs.readFile(path))))
  }

  async stat(path: string): Promise<DiskEntry | undefined> {
    try {
      const stat = await fs.stat(path)
      return { isDirectory: stat.isDirectory(), size: stat.size, modifiedAtMs: stat.mtimeMs }
    } catch (error) {
      if (isMissing(error)) return undefined
      throw faultFor(error) ?? error
    }
  }

  async list(path: string): Promise<string[]> {
    try {
      return await withDescriptor(() => fs.readdir(path))
    } catch (error) {
      if (isMissing(error)) return []
      throw faultFor(error) ?? error
    }
  }

  async space(path: string): Promise<{ freeBytes: number; totalBytes: number }> {
    const { bavail, blocks, bsize } = this.#isLocal ? statfsSync(path) : await fs.statfs(path)
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
  }

  #file(descriptor: number): LocalFile {
    return new LocalFile(descriptor, this.#isLocal ? this.#pace : undefined)
  }
}

const openLater = promisify(open)
const closeLater = promisify(close)
const fstatLater = promisify(fstat)
const fsyncLater = promisify(fsync)
const ftruncateLater = promisify(ftruncate)
const writeLater = promisify(write)

class LocalFile implements DiskFile {
  /** The number; -1 once it is closed, for by then it may be another file's. */
  #descriptor: number
  /** Of the local disk; undefined elsewhere. */
  readonly #pace: WritePace | undefined
  /** Nothing is left to be written: closing it has nothing to wait for. */
  #isSynced = true
  #isWritten = false
  #syncs = 0

  constructor(descriptor: number, pace: WritePace | undefined) {
    this.#descriptor = descriptor
    this.#pace = pace
  }

  /** A full disk makes one write short without an error; the next one then says ENOSPC. */
  async write(bytes: Uint8Array, position: number, mayWait: () => boolean = () => true): Promise<void> {
    this.#isSynced = false
    if (!this.#isWritten) this.#pace?.enter()
    this.#isWritten = true
    let written = 0
    while (written < bytes.length)
      written += await orRefused(this.#writeSome(bytes.subarray(written), position + written, mayWait))
  }

  async truncate(length: number): Promise<void> {
    this.#isSynced = false
    await orRefused(ftruncateLater(this.#descriptor, length))
  }

  async size(): Promise<number> {
    return (this.#pace === undefined ? await fstatLater(this.#descriptor) : fstatSync(this.#descriptor)).size
  }

  async sync(): Promise<void> {
    this.#isSynced = true
    this.#syncs += 1
    try {
      await orRefused(writers.run(() => fsyncLater(this.#descriptor)))
    } finally {
      this.#syncs -= 1
    }
  }

  async close(): Promise<void> {
    const descriptor = this.#descriptor
    this.#descriptor = -1
    if (this.#isWritten) this.#pace?.leave()
    this.#isWritten = false
    if (this.#pace !== undefined && this.#isSynced) closeSync(descriptor)
    else await orRefused(closeLater(descriptor))
  }

  /** How many of the bytes were written. */
  async #writeSome(bytes: Uint8Array, position: number, mayWait: () => boolean): Promise<number> {
    const descriptor = this.#descriptor
    const inPool = async () => {
      const { bytesWritten } = await writers.run(() => writeLater(descriptor, bytes, 0, bytes.length, position))
      return bytesWritten
    }
    if (this.#pace === undefined) return await inPool()
    const atOnce = () => writeSync(descriptor, bytes, 0, bytes.length, position)
    return await this.#pace.write({ atOnce, inPool, isSyncing: this.#syncs > 0, mayWait })
  }
}

/** The last: another file system is mounted there. */
const NOT_EMPTY = ['ENOTEMPTY', 'EEXIST', 'EBUSY']

/** What a disk cannot do is the operator's to mend and the client's to retry. */
export async function orRefused<Result>(task: Promise<Result>): Promise<Result> {
  try {
    return await task
  } catch (error) {
    throw refusalFor(error) ?? faultFor(error) ?? error
  }
}

/** What a disk says that takes nothing at all, as the refusal that clients hear; undefined for any other failure. */
export function refusalFor(error: unknown): RegistryError | undefined {
  if (hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT')) return storageFull(error)
  return hasCode(error, 'EROFS') ? storageReadOnly(error) : undefined
}

/** What keeps one path, or the process, from being served; undefined for what a caller may have expected. */
function faultFor(error: unknown): RegistryError | undefined {
  if (hasCode(error, 'EMFILE') || hasCode(error, 'ENFILE')) {
    const message = 'The registry has too many files and connections open; try again in a moment.'
    return unavailable(message, { retryAfterSeconds: 5, cause: error })
  }
  return FAULTS.some((code) => hasCode(error, code)) ? new StorageFault({ cause: error }) : undefined
}

/** No right to it, a disk or a file system that is damaged, a file where a directory belongs, a file server that forgot it. */
const FAULTS = ['EACCES', 'EPERM', 'EIO', 'EUCLEAN', 'EBADMSG', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ESTALE', 'ETIMEDOUT', 'ENOTCONN']

/** Slow writes and syncs take at most half of the process's file threads, so that reads always find one. */
const writers = new Semaphore(Math.max(1, Math.floor(Number(process.env.UV_THREADPOOL_SIZE ?? 4) / 2)))
