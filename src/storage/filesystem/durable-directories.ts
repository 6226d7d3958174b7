import { dirname } from 'node:path'
import { hasCode } from '../../runtime/error-code.ts'
import type { Disk } from './disk.ts'

/** Above this the oldest are forgotten: they cost one sync again. */
const MAX_REMEMBERED = 20_000

/**
 * Makes directories and sees to it that they survive a power cut. A directory counts as durable once this process has synced its
 * parent after seeing it there: another process may have made it a moment ago and not have synced it yet.
 */
export class DurableDirectories {
  readonly #disk: Disk
  readonly #root: string
  readonly #durable = new Set<string>()

  constructor(disk: Disk, root: string) {
    this.#disk = disk
    this.#root = root
  }

  /** Makes a directory below the root and every missing parent, durably. */
  async ensure(path: string): Promise<void> {
    if (path === this.#root || this.#durable.has(path)) return
    const parent = dirname(path)
    await this.ensure(parent)
    await this.#make(path)
    await this.#disk.syncDirectory(parent)
    this.#remember(path)
  }

  /** Forgets a directory that has gone, everything below it, and its parents: they are looked at again. */
  forget(path: string): void {
    const below = `${path}/`
    for (const known of this.#durable) {
      if (known === path || known.startsWith(below) || path.startsWith(`${known}/`)) this.#durable.delete(known)
    }
  }

  /** Forgets a directory and everything below it: another process may have removed it and made it again. */
  forgetBelow(path: string): void {
    const below = `${path}/`
    for (const known of this.#durable) if (known === path || known.startsWith(below)) this.#durable.delete(known)
  }

  async #make(path: string): Promise<void> {
    try {
      await this.#disk.makeDirectory(path)
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error
    }
  }

  #remember(path: string): void {
    this.#durable.add(path)
    if (this.#durable.size <= MAX_REMEMBERED) return
    const [oldest] = this.#durable
    if (oldest !== undefined) this.#durable.delete(oldest)
  }
}
