import { dirname } from 'node:path'
import { hasCode } from '../../runtime/error-code.ts'
import { type Disk, isMissing } from './disk.ts'

/** Above this the oldest are forgotten: they cost one sync again. */
const MAX_REMEMBERED = 20_000
/** So are those that were looked at so long ago. */
const FORGET_AFTER_MS = 3_600_000

/**
 * Makes directories and sees to it that they survive a power cut, and removes those that are empty. A directory counts as durable once this process has synced its
 * parent after seeing it there: another process may have made it a moment ago and not have synced it yet.
 */
export class DurableDirectories {
  readonly #disk: Disk
  readonly #root: string
  /** When each was seen to be durable, the oldest first. */
  readonly #durable = new Map<string, number>()
  readonly #now: () => number
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(disk: Disk, root: string, now: () => number = Date.now) {
    this.#disk = disk
    this.#root = root
    this.#now = now
  }

  /** How many are known. */
  get size(): number {
    return this.#durable.size
  }

  /** Makes a directory below the root and every missing parent, durably. Fails with ENOENT when a parent that was known has been removed: see `moveAll`. */
  async ensure(path: string): Promise<void> {
    if (path === this.#root || this.#durable.has(path)) return
    const parent = dirname(path)
    await this.ensure(parent)
    await this.#make(path)
    await this.#disk.syncDirectory(parent)
    this.#remember(path)
  }

  /** As `StorageDriver.removeEmptyDirectories`. */
  async removeEmpty(paths: readonly string[]): Promise<number> {
    let gone = 0
    for (const path of paths) {
      if (!(await this.#removeIfEmpty(path))) break
      this.#durable.delete(path)
      gone += 1
    }
    const last = paths[gone - 1]
    if (last !== undefined) await this.#syncAbove(last)
    return gone
  }

  /** Forgets a directory that has gone, everything below it, and its parents: they are looked at again. */
  forget(path: string): void {
    const below = `${path}/`
    for (const known of this.#durable.keys()) {
      if (known === path || known.startsWith(below) || path.startsWith(`${known}/`)) this.#durable.delete(known)
    }
  }

  /** Forgets those from one directory down to another one. */
  forgetUpTo(top: string, path: string): void {
    for (let known = path; known === top || known.startsWith(`${top}/`); known = dirname(known)) this.#durable.delete(known)
  }

  /** Forgets a directory and everything below it: another process may have removed it and made it again. */
  forgetBelow(path: string): void {
    const below = `${path}/`
    for (const known of this.#durable.keys()) if (known === path || known.startsWith(below)) this.#durable.delete(known)
  }

  /** Forgets those that were seen too long ago, also where nothing is written any more. */
  sweep(): void {
    const before = this.#now() - FORGET_AFTER_MS
    for (const [path, seenAtMs] of this.#durable) {
      if (seenAtMs > before) break
      this.#durable.delete(path)
    }
  }

  async #make(path: string): Promise<void> {
    try {
      await this.#disk.makeDirectory(path)
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error
    }
  }

  async #removeIfEmpty(path: string): Promise<boolean> {
    try {
      return await this.#disk.removeEmptyDirectory(path)
    } catch (error) {
      if (isMissing(error)) return true
      throw error
    }
  }

  /** The nearest directory that is there. */
  async #syncAbove(path: string): Promise<void> {
    if (path === this.#root) return
    try {
      await this.#disk.syncDirectory(dirname(path))
    } catch (error) {
      if (!isMissing(error)) throw error
      await this.#syncAbove(dirname(path))
    }
  }

  #remember(path: string): void {
    this.#durable.set(path, this.#now())
    this.#timer ??= this.#wait()
    if (this.#durable.size <= MAX_REMEMBERED) return
    const [oldest] = this.#durable.keys()
    if (oldest !== undefined) this.#durable.delete(oldest)
  }

  #wait(): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      this.sweep()
      this.#timer = this.#durable.size > 0 ? this.#wait() : undefined
    }, FORGET_AFTER_MS)
    timer.unref()
    return timer
  }
}
