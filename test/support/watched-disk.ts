import { relative } from 'node:path'
import type { Disk, DiskEntry, DiskFile, OpenHow } from '../../src/storage/filesystem/disk.ts'

/** What changes the disk, in words: `rename a b`. Paths are relative to the root; random names are shown as `*`. */
export type DiskStep = string

/** A disk that writes down each change in the order in which they ended, and can be told to fail one. */
export class WatchedDisk implements Disk {
  readonly syncsNames: boolean
  readonly mayRemoveDirectories: boolean
  readonly steps: DiskStep[] = []
  /** Called before each change; what it throws is what the disk reports. */
  failing: (step: DiskStep) => void = () => undefined
  readonly #disk: Disk
  readonly #root: string

  constructor(disk: Disk, root: string, options: { readonly syncsNames: boolean }) {
    this.#disk = disk
    this.#root = root
    this.syncsNames = options.syncsNames
    this.mayRemoveDirectories = options.syncsNames
  }

  async open(path: string, how: OpenHow): Promise<DiskFile> {
    const file = await this.#step(`${how} ${this.#name(path)}`, () => this.#disk.open(path, how))
    return {
      write: (bytes, position) => this.#step(`write ${this.#name(path)}`, () => file.write(bytes, position)),
      truncate: (length) => this.#step(`truncate ${this.#name(path)} ${length}`, () => file.truncate(length)),
      size: () => file.size(),
      sync: () => this.#step(`sync ${this.#name(path)}`, () => file.sync()),
      close: () => this.#step(`close ${this.#name(path)}`, () => file.close()),
    }
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#step(`mkdir ${this.#name(path)}`, () => this.#disk.makeDirectory(path))
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#step(`rename ${this.#name(from)} ${this.#name(to)}`, () => this.#disk.rename(from, to))
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#step(`sync ${this.#name(path)}/`, () => this.#disk.syncDirectory(path))
  }

  async removeTree(path: string): Promise<void> {
    await this.#step(`remove ${this.#name(path)}`, () => this.#disk.removeTree(path))
  }

  async removeEmptyDirectory(path: string): Promise<boolean> {
    return await this.#step(`rmdir ${this.#name(path)}`, () => this.#disk.removeEmptyDirectory(path))
  }

  async readFile(path: string): Promise<Uint8Array> {
    return await this.#disk.readFile(path)
  }

  async stat(path: string): Promise<DiskEntry | undefined> {
    return await this.#disk.stat(path)
  }

  async list(path: string): Promise<string[]> {
    return await this.#disk.list(path)
  }

  async space(path: string): Promise<{ freeBytes: number; totalBytes: number }> {
    return await this.#disk.space(path)
  }

  async #step<Result>(step: DiskStep, task: () => Promise<Result>): Promise<Result> {
    this.failing(step)
    const result = await task()
    this.steps.push(step)
    return result
  }

  #name(path: string): string {
    return relative(this.#root, path).replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '*') || '.'
  }
}
