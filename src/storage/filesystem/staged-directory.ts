import { dirname, join } from 'node:path'
import { hasCode } from '../../runtime/error-code.ts'
import type { PlacedFile } from '../driver.ts'
import { type Disk, isMissing } from './disk.ts'
import type { DurableDirectories } from './durable-directories.ts'

/** An empty directory is removed once for each time that its repository has lost its last content: missing more often, it is missing for another reason. */
const MOST_ATTEMPTS = 5

export interface Staged {
  readonly target: string
  readonly files: StagedDirectory
}

/** As `moveAll`. What could not be moved is cleared away. `anew` as for `StorageDriver.place`. */
export async function placeAll(staged: readonly Staged[], directories: DurableDirectories, anew?: string): Promise<void> {
  if (anew !== undefined) for (const { target } of staged) directories.forgetUpTo(anew, target)
  try {
    await moveAll(staged, directories)
  } catch (error) {
    await clearAway(staged)
    throw error
  }
}

export async function clearAway(staged: readonly Staged[]): Promise<void> {
  await Promise.all(staged.map(({ files }) => files.remove()))
}

/**
 * Makes prepared files visible, one directory after the other. What is missing on the way was removed with an empty repository, perhaps by another
 * process: then the directories without files are made again, all of them, before the move is repeated. They come first in a new repository too.
 */
export async function moveAll(staged: readonly Staged[], directories: DurableDirectories): Promise<void> {
  for (const { target, files } of staged) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        if (attempt > 1) await ensureEmpty(staged, directories)
        await files.moveTo(target, directories)
        break
      } catch (error) {
        if (!isMissing(error) || attempt === MOST_ATTEMPTS) throw error
      }
      for (const { target: other } of staged) directories.forget(other)
    }
  }
}

async function ensureEmpty(staged: readonly Staged[], directories: DurableDirectories): Promise<void> {
  for (const { target, files } of staged) if (files.isEmpty) await directories.ensure(target)
}

/**
 * Files prepared in a directory that no reader looks at, then moved to their place by one rename of the directory. Where something is
 * there already, each file replaces its predecessor instead.
 */
export class StagedDirectory {
  readonly #disk: Disk
  readonly #path: string
  readonly #names: readonly string[]

  /** `names` are relative, in the order in which they may become visible. */
  constructor(disk: Disk, path: string, names: readonly string[]) {
    this.#disk = disk
    this.#path = path
    this.#names = names
  }

  /** Only the directory itself is to be there. */
  get isEmpty(): boolean {
    return this.#names.length === 0
  }

  /** Writes the files and syncs them. */
  async write(files: readonly PlacedFile[]): Promise<void> {
    if (files.length === 0) return
    await this.#disk.makeDirectory(this.#path)
    for (const { name } of files) await this.#makeParents(name)
    await Promise.all(files.map((file) => this.#writeFile(file)))
    await this.#syncNames()
  }

  /** Syncs a file that was written here by others, cut to `length` where it is longer. False when it is shorter. */
  async finish(name: string, length: number): Promise<boolean> {
    const file = await this.#disk.open(join(this.#path, name), 'modify')
    try {
      const size = await file.size()
      if (size < length) return false
      if (size > length) await file.truncate(length)
      await file.sync()
    } finally {
      await file.close()
    }
    await this.#syncNames()
    return true
  }

  /**
   * Makes the files visible in `target`, durably. The staged directory is gone afterwards. Fails with ENOENT when a directory above was removed
   * meanwhile; may then be repeated.
   */
  async moveTo(target: string, directories: DurableDirectories): Promise<void> {
    if (this.isEmpty) return await directories.ensure(target)
    if (await this.#moveDirectory(this.#path, target, directories)) return await this.#disk.syncDirectory(dirname(target))
    // It may be new from another process: its own name, and those below it, are made durable as well.
    if (!this.#disk.syncsNames) directories.forgetBelow(target)
    for (const name of this.#names) await this.#moveFile(name, target, directories)
    await this.remove()
  }

  async remove(): Promise<void> {
    await this.#disk.removeTree(this.#path)
  }

  /** False when something is there already. */
  async #moveDirectory(source: string, target: string, directories: DurableDirectories): Promise<boolean> {
    await directories.ensure(dirname(target))
    try {
      await this.#disk.rename(source, target)
      return true
    } catch (error) {
      if (hasCode(error, 'ENOTEMPTY') || hasCode(error, 'EEXIST')) return false
      throw error
    }
  }

  async #moveFile(name: string, target: string, directories: DurableDirectories): Promise<void> {
    const place = join(target, name)
    const isAlone = !this.#names.some((other) => other !== name && other.startsWith(`${dirname(name)}/`))
    if (name.includes('/') && isAlone) {
      const isMoved = await this.#moveDirectory(dirname(join(this.#path, name)), dirname(place), directories)
      if (isMoved) return await this.#disk.syncDirectory(dirname(dirname(place)))
    }
    await directories.ensure(dirname(place))
    await this.#disk.rename(join(this.#path, name), place)
    await this.#disk.syncDirectory(dirname(place))
  }

  async #writeFile({ name, bytes, secret = false }: PlacedFile): Promise<void> {
    const file = await this.#disk.open(join(this.#path, name), secret ? 'create secret' : 'create')
    try {
      await file.write(bytes, 0)
      await file.sync()
    } finally {
      await file.close()
    }
  }

  async #makeParents(name: string): Promise<void> {
    const segments = name.split('/').slice(0, -1)
    for (let depth = 1; depth <= segments.length; depth += 1) {
      await this.#disk.makeDirectory(join(this.#path, ...segments.slice(0, depth))).catch((error: unknown) => {
        if (!hasCode(error, 'EEXIST')) throw error
      })
    }
  }

  /** Where syncing a file does not keep its name, the directories down to it are synced too. */
  async #syncNames(): Promise<void> {
    if (this.#disk.syncsNames) return
    const directories = new Set([this.#path])
    for (const name of this.#names) {
      for (let path = dirname(join(this.#path, name)); path.startsWith(this.#path); path = dirname(path)) directories.add(path)
    }
    for (const directory of directories) await this.#disk.syncDirectory(directory)
  }
}
