import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Disk, DiskEntry, DiskFile, OpenHow } from '../../src/storage/filesystem/disk.ts'
import { DiskModel, type DiskStep } from './disk-model.ts'

/**
 * A disk that writes down what happens to it, so that the story can be told again up to any point. Syncs are written down and not
 * done. Steps are done one at a time: the story is the order in which they happened.
 */
export class RecordingDisk implements Disk {
  readonly syncsNames: boolean
  readonly mayRemoveDirectories: boolean
  readonly #disk: Disk
  readonly #root: string
  readonly #model: DiskModel
  readonly #onStep: (step: DiskStep) => void
  #files = 0
  #last: Promise<unknown> = Promise.resolve()

  constructor(disk: Disk, root: string, options: { readonly syncsNames: boolean; readonly onStep: (step: DiskStep) => void }) {
    this.#disk = disk
    this.#root = root
    this.syncsNames = options.syncsNames
    this.mayRemoveDirectories = options.syncsNames
    this.#model = new DiskModel(options)
    this.#onStep = options.onStep
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      if (!entry.isDirectory()) throw new Error(`${entry.name} was there before the recording`)
      this.#record({ kind: 'make directory', path: this.#name(join(entry.parentPath, entry.name)) })
    }
  }

  async open(path: string, how: OpenHow): Promise<DiskFile> {
    return await this.#inTurn(async () => {
      const opened = await this.#disk.open(path, how)
      if (how === 'modify') return this.#watch(opened, this.#model.fileAt(this.#name(path)))
      this.#files += 1
      this.#record({ kind: 'create', path: this.#name(path), file: this.#files })
      return this.#watch(opened, this.#files)
    })
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#step({ kind: 'make directory', path: this.#name(path) }, () => this.#disk.makeDirectory(path))
  }

  async rename(from: string, to: string): Promise<void> {
    const step = { kind: 'rename', from: this.#name(from), to: this.#name(to) } as const
    await this.#step(step, () => this.#disk.rename(from, to))
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#step({ kind: 'sync directory', path: this.#name(path) }, async () => {
      if ((await this.#disk.stat(path)) === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' })
    })
  }

  async removeTree(path: string): Promise<void> {
    await this.#inTurn(async () => {
      if ((await this.#disk.stat(path)) === undefined) return
      await this.#disk.removeTree(path)
      this.#record({ kind: 'remove', path: this.#name(path) })
    })
  }

  async removeEmptyDirectory(path: string): Promise<boolean> {
    return await this.#inTurn(async () => {
      const isRemoved = await this.#disk.removeEmptyDirectory(path)
      if (isRemoved) this.#record({ kind: 'remove', path: this.#name(path) })
      return isRemoved
    })
  }

  async readFile(path: string): Promise<Uint8Array> {
    return await this.#inTurn(() => this.#disk.readFile(path))
  }

  async stat(path: string): Promise<DiskEntry | undefined> {
    return await this.#inTurn(() => this.#disk.stat(path))
  }

  async list(path: string): Promise<string[]> {
    return await this.#inTurn(() => this.#disk.list(path))
  }

  async space(path: string): Promise<{ freeBytes: number; totalBytes: number }> {
    return await this.#disk.space(path)
  }

  #watch(opened: DiskFile, file: number): DiskFile {
    return {
      write: (bytes, position) =>
        this.#step({ kind: 'write', file, position, bytes: Buffer.from(bytes) }, () => opened.write(bytes, position)),
      truncate: (length) => this.#step({ kind: 'truncate', file, length }, () => opened.truncate(length)),
      size: () => opened.size(),
      sync: () => this.#step({ kind: 'sync file', file }, async () => undefined),
      close: () => opened.close(),
    }
  }

  async #step(step: DiskStep, task: () => Promise<void>): Promise<void> {
    await this.#inTurn(async () => {
      await task()
      this.#record(step)
    })
  }

  #record(step: DiskStep): void {
    this.#model.apply(step)
    this.#onStep(step)
  }

  async #inTurn<Result>(task: () => Promise<Result>): Promise<Result> {
    const done = this.#last.then(task)
    this.#last = done.catch(() => undefined)
    return await done
  }

  #name(path: string): string {
    return relative(this.#root, path)
  }
}
