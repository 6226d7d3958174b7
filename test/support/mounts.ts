import { mkdir } from 'node:fs/promises'
import { environmentIn, runToSuccess } from './processes.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

/** A file system in memory, mounted inside a temporary folder until it is disposed. Needs root. */
export class MountedFileSystem implements AsyncDisposable {
  readonly path: string
  readonly #folder: TemporaryFolder

  private constructor(path: string, folder: TemporaryFolder) {
    this.path = path
    this.#folder = folder
  }

  static async mount(folder: TemporaryFolder, options: string): Promise<MountedFileSystem> {
    const path = folder.join(`mount-${crypto.randomUUID()}`)
    await mkdir(path)
    await runToSuccess(['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', path], { environment: environmentIn(folder.join('env')) })
    return new MountedFileSystem(path, folder)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await runToSuccess(['umount', this.path], { environment: environmentIn(this.#folder.join('env')) })
  }
}
