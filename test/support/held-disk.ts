import { relative } from 'node:path'
import type { Disk, DiskEntry, DiskFile, OpenHow } from '../../src/storage/filesystem/disk.ts'

/** One call of the disk in words, as in `rename berth/staging/* docker/…`; paths below the root, random names as `*`. */
export type DiskCall = string

/** Called before and after every call. The call, or its answer, waits until what it returns has settled. */
export type DiskHook = (call: DiskCall, phase: 'before' | 'after') => Promise<void> | undefined

/** A disk whose calls a test can hold for as long as it likes, or for ever. */
export class HeldDisk implements Disk {
  readonly syncsNames: boolean
  readonly mayRemoveDirectories: boolean
  readonly #disk: Disk
  readonly #root: string
  readonly #calls: HeldCalls
  readonly #files = new Set<DiskFile>()

  constructor(disk: Disk, root: string, hook: DiskHook) {
    this.#disk = disk
    this.#root = root
    this.#calls = new HeldCalls(hook)
    this.syncsNames = disk.syncsNames
    this.mayRemoveDirectories = disk.mayRemoveDirectories
  }

  async open(path: string, how: OpenHow): Promise<DiskFile> {
    const name = this.#name(path)
    const file = await this.#hold(`${how} ${name}`, () => this.#open(path, how))
    return {
      write: (bytes, position) => this.#hold(`write ${name}`, () => file.write(bytes, position)),
      truncate: (length) => this.#hold(`truncate ${name}`, () => file.truncate(length)),
      size: () => file.size(),
      sync: () => this.#hold(`sync ${name}`, () => file.sync()),
      close: () => this.#close(file),
    }
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#hold(`mkdir ${this.#name(path)}`, () => this.#disk.makeDirectory(path))
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#hold(`rename ${this.#name(from)} ${this.#name(to)}`, () => this.#disk.rename(from, to))
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#hold(`sync ${this.#name(path)}/`, () => this.#disk.syncDirectory(path))
  }

  async removeTree(path: string): Promise<void> {
    await this.#hold(`remove ${this.#name(path)}`, () => this.#disk.removeTree(path))
  }

  async removeEmptyDirectory(path: string): Promise<boolean> {
    return await this.#hold(`rmdir ${this.#name(path)}`, () => this.#disk.removeEmptyDirectory(path))
  }

  async readFile(path: string): Promise<Uint8Array> {
    return await this.#hold(`read ${this.#name(path)}`, () => this.#disk.readFile(path))
  }

  async stat(path: string): Promise<DiskEntry | undefined> {
    return await this.#hold(`stat ${this.#name(path)}`, () => this.#disk.stat(path))
  }

  async list(path: string): Promise<string[]> {
    return await this.#hold(`list ${this.#name(path)}`, () => this.#disk.list(path))
  }

  async space(path: string): Promise<{ freeBytes: number; totalBytes: number }> {
    return await this.#disk.space(path)
  }

  /** What the system does when a process dies: calls that it has begun come to their end, and its files are closed. */
  async die(): Promise<void> {
    await this.#calls.ended()
    for (const file of this.#files) await this.#close(file)
  }

  async #open(path: string, how: OpenHow): Promise<DiskFile> {
    const file = await this.#disk.open(path, how)
    this.#files.add(file)
    return file
  }

  async #close(file: DiskFile): Promise<void> {
    if (this.#files.delete(file)) await file.close()
  }

  async #hold<Result>(call: DiskCall, task: () => Promise<Result>): Promise<Result> {
    return await this.#calls.hold(call, task)
  }

  #name(path: string): string {
    return withoutIds(relative(this.#root, path)) || '.'
  }
}

/** Calls of a storage, each of which its hook may hold before it is done and after. */
export class HeldCalls {
  readonly #hook: DiskHook
  readonly #underWay = new Set<Promise<unknown>>()

  constructor(hook: DiskHook) {
    this.#hook = hook
  }

  async hold<Result>(call: DiskCall, task: () => Promise<Result>): Promise<Result> {
    await this.#hook(call, 'before')
    const done = task()
    this.#underWay.add(done)
    try {
      return await done
    } finally {
      this.#underWay.delete(done)
      await this.#hook(call, 'after')
    }
  }

  /** Those that have begun have come to their end. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#underWay)
  }
}

/** A path with `*` for each random name in it. */
export function withoutIds(path: string): string {
  return path.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '*')
}

/** True for the calls that change something. */
export function isChange(call: DiskCall): boolean {
  return !/^(read|stat|list) /.test(call)
}
