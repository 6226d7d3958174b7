import { constants } from 'node:fs'
import * as fs from 'node:fs/promises'
import { storageFull } from '../driver.ts'

/**
 * The few things a file system does, one system call each. The driver says in which order; the power-cut test records that order
 * and replays it cut short.
 */
export interface Disk {
  /** True where the sync of a new file makes the names that lead to it durable as well (ext4, XFS, Btrfs). */
  readonly syncsNames: boolean
  open(path: string, how: OpenHow): Promise<DiskFile>
  makeDirectory(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  syncDirectory(path: string): Promise<void>
  removeTree(path: string): Promise<void>
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
  /** Writes all bytes at the position, or throws. */
  write(chunks: readonly Uint8Array[], position: number): Promise<void>
  truncate(length: number): Promise<void>
  sync(): Promise<void>
  close(): Promise<void>
}

/** The real disk below a root. `root` is absolute. */
export async function openDisk(root: string): Promise<Disk> {
  const { type } = await fs.statfs(root)
  return new LocalDisk(FILE_SYSTEMS_THAT_SYNC_NAMES.has(type))
}

export function isMissing(error: unknown): boolean {
  return hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

const EXT4 = 0xef53
const XFS = 0x58465342
const BTRFS = 0x9123683e
const FILE_SYSTEMS_THAT_SYNC_NAMES: ReadonlySet<number> = new Set([EXT4, XFS, BTRFS])

class LocalDisk implements Disk {
  readonly syncsNames: boolean

  constructor(syncsNames: boolean) {
    this.syncsNames = syncsNames
  }

  async open(path: string, how: OpenHow): Promise<DiskFile> {
    const flags = how === 'modify' ? constants.O_WRONLY : constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
    return new LocalFile(await orFull(fs.open(path, flags, how === 'create secret' ? 0o600 : 0o666)))
  }

  async makeDirectory(path: string): Promise<void> {
    await orFull(fs.mkdir(path))
  }

  async rename(from: string, to: string): Promise<void> {
    await orFull(fs.rename(from, to))
  }

  async syncDirectory(path: string): Promise<void> {
    const directory = await fs.open(path, 'r')
    try {
      await orFull(writers.run(() => directory.sync()))
    } finally {
      await directory.close()
    }
  }

  async removeTree(path: string): Promise<void> {
    await fs.rm(path, { recursive: true, force: true })
  }

  async readFile(path: string): Promise<Uint8Array> {
    return new Uint8Array(await fs.readFile(path))
  }

  async stat(path: string): Promise<DiskEntry | undefined> {
    try {
      const stat = await fs.stat(path)
      return { isDirectory: stat.isDirectory(), size: stat.size, modifiedAtMs: stat.mtimeMs }
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  async list(path: string): Promise<string[]> {
    try {
      return await fs.readdir(path)
    } catch (error) {
      if (isMissing(error)) return []
      throw error
    }
  }

  async space(path: string): Promise<{ freeBytes: number; totalBytes: number }> {
    const { bavail, blocks, bsize } = await fs.statfs(path)
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
  }
}

class LocalFile implements DiskFile {
  readonly #file: fs.FileHandle

  constructor(file: fs.FileHandle) {
    this.#file = file
  }

  async write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    const written = writers.run(async () => {
      const { bytesWritten } = await this.#file.writev([...chunks], position)
      await this.#writeRest(chunks, position, bytesWritten)
    })
    await orFull(written)
  }

  async truncate(length: number): Promise<void> {
    await this.#file.truncate(length)
  }

  async sync(): Promise<void> {
    await orFull(writers.run(() => this.#file.sync()))
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  /** A full disk makes one write short without an error; the next one then says ENOSPC. */
  async #writeRest(chunks: readonly Uint8Array[], position: number, alreadyWritten: number): Promise<void> {
    let start = 0
    for (const chunk of chunks) {
      let written = Math.min(Math.max(alreadyWritten - start, 0), chunk.length)
      while (written < chunk.length) {
        const result = await this.#file.write(chunk, written, chunk.length - written, position + start + written)
        written += result.bytesWritten
      }
      start += chunk.length
    }
  }
}

/** A full disk is the operator's to mend and the client's to retry: it has words of its own. */
async function orFull<Result>(task: Promise<Result>): Promise<Result> {
  try {
    return await task
  } catch (error) {
    if (hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT')) throw storageFull(error)
    throw error
  }
}

/** Lets at most so many tasks run at once; the others wait in order. */
class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  async run<Result>(task: () => Promise<Result>): Promise<Result> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await task()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free += 1
      else next()
    }
  }
}

/** Slow writes and syncs take at most half of the process's file threads, so that reads always find one. */
const writers = new Slots(Math.max(1, Math.floor(Number(process.env.UV_THREADPOOL_SIZE ?? 4) / 2)))
