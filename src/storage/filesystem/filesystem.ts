import { basename, dirname, join } from 'node:path'
import { allEnded } from '../all-ended.ts'
import {
  type ByteRange,
  type FilePage,
  type ListedUpload,
  LOCAL_STORAGE,
  type Placement,
  type PlaceOptions,
  type StorageCapabilities,
  type StorageDriver,
  type StorageEntry,
  type StoragePath,
  type StorageSpace,
  storagePath,
  type UploadReader,
  type UploadState,
  type UploadWriter,
} from '../driver.ts'
import { newOwnedName, ownerOf } from '../owned-name.ts'
import { FileTooLargeError, uploadGone } from '../storage-errors.ts'
import { type Disk, type DiskEntry, type DiskFile, isMissing } from './disk.ts'
import { DiskSpace, placedBytes } from './disk-space.ts'
import { DurableDirectories } from './durable-directories.ts'
import { listFilesBelow } from './files-below.ts'
import { moveDurably } from './move-durably.ts'
import { openToRead } from './open-file.ts'
import { clearAway, moveAll, placeAll, type Staged, StagedDirectory } from './staged-directory.ts'
import { Trash } from './trash.ts'
import { UploadFile } from './upload-file.ts'

/** Working places of this driver. On one file system with the layout: everything becomes visible by a rename. */
const STAGING = storagePath('berth/staging')
const TRASH = storagePath('berth/trash')
const UPLOADS = storagePath('berth/uploads')

/** Files below a root directory, durable as docs/orders-of-writing.md says (rules 6 and 7): staged, synced, renamed, the parent synced. */
export class FilesystemDriver implements StorageDriver {
  readonly capabilities: StorageCapabilities
  readonly #disk: Disk
  readonly #root: string
  readonly #directories: DurableDirectories
  readonly #space: DiskSpace
  readonly #owner: string | undefined
  readonly #trash: Trash

  private constructor(disk: Disk, root: string, owner: string | undefined) {
    this.capabilities = { ...LOCAL_STORAGE, removesEmptyDirectories: disk.mayRemoveDirectories }
    this.#disk = disk
    this.#root = root
    this.#owner = owner
    this.#directories = new DurableDirectories(disk, root)
    this.#space = new DiskSpace(() => disk.space(root))
    this.#trash = new Trash(disk, () => this.#newPlace(TRASH))
  }

  /**
   * Opens a root directory that exists. `root` is absolute. `owner`: the process, as its life lock names it; without one, what it leaves
   * behind is removed only when it is old. Throws what the disk says when it cannot be written.
   */
  static async open(disk: Disk, root: string, owner?: string): Promise<FilesystemDriver> {
    const driver = new FilesystemDriver(disk, root, owner)
    for (const path of [STAGING, TRASH, UPLOADS]) await driver.#directories.ensure(driver.#at(path))
    return driver
  }

  /** For reading alone: changes nothing, also where nothing may be changed. */
  static openToRead(disk: Disk, root: string): FilesystemDriver {
    return new FilesystemDriver(disk, root, undefined)
  }

  async stat(path: StoragePath): Promise<StorageEntry | undefined> {
    const entry = await this.#disk.stat(this.#at(path))
    if (entry === undefined) return undefined
    const { isDirectory, size, modifiedAtMs: changedAtMs } = entry
    return isDirectory ? { kind: 'directory', size: 0, changedAtMs } : { kind: 'file', size, changedAtMs }
  }

  async readSmall(path: StoragePath, maxBytes: number): Promise<Uint8Array | undefined> {
    const entry = await this.#disk.stat(this.#at(path))
    if (entry === undefined || entry.isDirectory) return undefined
    if (entry.size > maxBytes) throw new FileTooLargeError(`${path} has ${entry.size} bytes, more than ${maxBytes}`)
    return await ifThere(this.#disk.readFile(this.#at(path)))
  }

  async content(path: StoragePath, range?: ByteRange): Promise<Blob> {
    const file = Bun.file(this.#at(path))
    return range === undefined ? file : file.slice(range.start, range.end)
  }

  async redirectUrl(): Promise<undefined> {}

  async list(path: StoragePath): Promise<readonly string[]> {
    return (await this.#disk.list(this.#at(path))).sort()
  }

  async listFiles(path: StoragePath, after?: string): Promise<FilePage> {
    return await listFilesBelow(this.#disk, this.#root, path, after)
  }

  async place(placements: readonly Placement[], { anew }: PlaceOptions = {}): Promise<void> {
    const staged = await this.#space.during(placedBytes(placements), () => this.#stage(placements))
    await placeAll(staged, this.#directories, anew && this.#at(anew))
  }

  async remove(path: StoragePath): Promise<void> {
    const source = this.#at(path)
    const taken = await this.#trash.take(source)
    // An earlier removal, perhaps by this method, may have failed before it was durable.
    if (taken === undefined) return await this.#syncIfThere(dirname(source))
    this.#directories.forget(source)
    await this.#disk.syncDirectory(dirname(source))
    this.#trash.emptyLater(taken)
  }

  async removeOnlyFiles(paths: readonly StoragePath[]): Promise<void> {
    const directories = paths.map((path) => dirname(this.#at(path)))
    const taken = await allEnded(directories.map((directory) => this.#trash.take(directory)))
    for (const directory of directories) this.#directories.forget(directory)
    // Those too of which nothing was there: as in `remove`.
    await allEnded([...new Set(directories.map(dirname))].map((parent) => this.#syncIfThere(parent)))
    for (const place of taken) if (place !== undefined) this.#trash.emptyLater(place)
  }

  async untilFreed(): Promise<void> {
    await this.#trash.rest()
  }

  async removeEmptyDirectories(paths: readonly StoragePath[]): Promise<number> {
    return await this.#directories.removeEmpty(paths.map((path) => this.#at(path)))
  }

  async move(from: StoragePath, to: StoragePath): Promise<void> {
    await moveDurably({ disk: this.#disk, directories: this.#directories, from: this.#at(from), to: this.#at(to) })
  }

  async makeDurable(path: StoragePath): Promise<void> {
    await this.#syncFileIfThere(this.#at(path))
    // Nothing is made on the way: what is missing here may have been removed.
    for (let directory = dirname(this.#at(path)); directory.length >= this.#root.length; directory = dirname(directory)) {
      await this.#syncIfThere(directory)
    }
  }

  async beginUpload(): Promise<UploadWriter> {
    const directory = this.#newPlace(UPLOADS)
    await this.#disk.makeDirectory(directory)
    const file = await this.#disk.open(join(directory, 'data'), 'create')
    const state = directory.slice(this.#root.length + 1) as UploadState
    return new UploadFile(state, { file, offset: 0, allowance: this.#space.allowance() })
  }

  async resumeUpload(state: UploadState, offset: number): Promise<UploadWriter | undefined> {
    const entry = await this.#uploadedFile(state)
    if (entry === undefined || entry.size < offset) return undefined
    const file = await this.#openIfThere(this.#uploadPath(state))
    if (file === undefined) return undefined
    try {
      if (entry.size > offset) await file.truncate(offset)
      return new UploadFile(state, { file, offset, allowance: this.#space.allowance() })
    } catch (error) {
      await file.close()
      throw error
    }
  }

  async readUpload(state: UploadState, length: number, start = 0): Promise<ReadableStream<Uint8Array> | undefined> {
    const entry = await this.#uploadedFile(state)
    if (entry === undefined || entry.size < length) return undefined
    return Bun.file(this.#uploadPath(state)).slice(start, length).stream()
  }

  openUpload(state: UploadState): Promise<UploadReader | undefined> {
    return openToRead(this.#uploadPath(state), this.#disk.syncsNames)
  }

  async completeUpload(state: UploadState, target: StoragePath, size: number): Promise<void> {
    if (await this.#isThere(target, size)) {
      await this.#keepPlaced(this.#at(target))
      return await this.abortUpload(state)
    }
    try {
      const staged = new StagedDirectory(this.#disk, dirname(this.#uploadPath(state)), ['data'])
      if (!(await staged.finish('data', size))) throw uploadGone(state)
      await moveAll([{ target: dirname(this.#at(target)), files: staged }], this.#directories)
    } catch (error) {
      // Another request for the same upload has moved the bytes to their place, or dropped them.
      if (!isMissing(error) || (await this.#uploadedFile(state)) !== undefined) throw error
      if (!(await this.#isThere(target, size))) throw uploadGone(state, error)
      await this.#keepPlaced(this.#at(target))
    }
  }

  /** By a rename: a process that moves the bytes to their place at this moment gets all of them or none. */
  async abortUpload(state: UploadState): Promise<void> {
    const taken = await this.#trash.take(dirname(this.#uploadPath(state)))
    if (taken !== undefined) await this.#trash.empty(taken)
  }

  async listUploads(): Promise<readonly ListedUpload[]> {
    const uploads = (await this.list(UPLOADS)).map(async (name) => {
      const state = `${UPLOADS}/${name}` as UploadState
      const entry = (await this.#uploadedFile(state)) ?? (await this.#disk.stat(dirname(this.#uploadPath(state))))
      return entry === undefined ? [] : [{ state, changedAtMs: entry.modifiedAtMs, owner: ownerOf(name) }]
    })
    return (await Promise.all(uploads)).flat()
  }

  async removeLeftovers(untouchedForMs: number): Promise<void> {
    const before = Date.now() - untouchedForMs
    for (const path of await this.#halfMade()) {
      const entry = await this.#disk.stat(path)
      if (entry !== undefined && entry.modifiedAtMs <= before) await this.#disk.removeTree(path)
    }
  }

  async removeLeftoversOf(isGone: (owner: string) => Promise<boolean>): Promise<void> {
    for (const path of await this.#halfMade()) {
      const owner = ownerOf(basename(path))
      if (owner !== undefined && (await isGone(owner))) await this.#disk.removeTree(path)
    }
  }

  space(): Promise<StorageSpace | undefined> {
    return this.#space.now()
  }

  async close(): Promise<void> {
    await this.untilFreed()
  }

  async #stage(placements: readonly Placement[]): Promise<readonly Staged[]> {
    const staged = placements.map(({ directory, files: placed }) => {
      const names = placed.map((file) => file.name)
      return { target: this.#at(directory), files: new StagedDirectory(this.#disk, this.#newPlace(STAGING), names), placed }
    })
    const written = await Promise.allSettled(staged.map(({ files, placed }) => files.write(placed)))
    const failed = written.find((result) => result.status === 'rejected')
    if (failed === undefined) return staged
    await clearAway(staged)
    throw failed.reason
  }

  async #isThere(target: StoragePath, size: number): Promise<boolean> {
    const entry = await this.#disk.stat(this.#at(target))
    return entry !== undefined && !entry.isDirectory && entry.size === size
  }

  /** The file came from another push, perhaps of another process that has not synced it yet: what we acknowledge must be durable. */
  async #keepPlaced(path: string): Promise<void> {
    await this.#syncFileIfThere(path)
    this.#directories.forgetBelow(dirname(path))
    await this.#directories.ensure(dirname(path))
    await this.#disk.syncDirectory(dirname(path))
  }

  async #syncFileIfThere(path: string): Promise<void> {
    const file = await this.#openIfThere(path)
    await file?.sync().finally(() => file.close())
  }

  async #syncIfThere(directory: string): Promise<void> {
    await ifThere(this.#disk.syncDirectory(directory))
  }

  async #openIfThere(path: string): Promise<DiskFile | undefined> {
    return await ifThere(this.#disk.open(path, 'modify'))
  }

  #uploadedFile(state: UploadState): Promise<DiskEntry | undefined> {
    return this.#disk.stat(this.#uploadPath(state))
  }

  #uploadPath(state: UploadState): string {
    return join(this.#root, storagePath(state, 'data'))
  }

  #newPlace(below: StoragePath): string {
    return join(this.#at(below), newOwnedName(this.#owner))
  }

  async #halfMade(): Promise<readonly string[]> {
    const places = [STAGING, TRASH].map(async (place) => (await this.list(place)).map((name) => join(this.#at(place), name)))
    return (await Promise.all(places)).flat()
  }

  #at(path: StoragePath): string {
    return join(this.#root, path)
  }
}

/** Undefined where there is no such file. */
async function ifThere<Result>(work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await work
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}
