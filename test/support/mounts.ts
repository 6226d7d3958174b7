import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { environmentIn, run, runToSuccess } from './processes.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

/** A file system in memory, mounted inside a temporary folder until it is disposed. Needs root. */
export class MountedFileSystem implements AsyncDisposable {
  readonly path: string
  readonly #folder: TemporaryFolder
  #isMounted = true

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

  /** Takes every block that is free: not one byte more can be written. */
  async fill(): Promise<void> {
    const [environment, path] = [environmentIn(this.#folder.join('env')), join(this.path, 'ballast')]
    await run(['dd', 'if=/dev/zero', `of=${path}`, 'bs=64k'], { environment })
    await run(['dd', 'if=/dev/zero', `of=${path}`, 'bs=512', 'oflag=append', 'conv=notrunc'], { environment })
  }

  /** Undoes `fill`. */
  async free(): Promise<void> {
    await rm(join(this.path, 'ballast'))
  }

  /** With other options, as in `ro`. */
  async remount(options: string): Promise<void> {
    await runToSuccess(['mount', '-o', `remount,${options}`, this.path], { environment: environmentIn(this.#folder.join('env')) })
  }

  /** As `umount --lazy` does while files are open; what lies at the path is then the empty directory below. */
  async vanish(): Promise<void> {
    await runToSuccess(['umount', '--lazy', this.path], { environment: environmentIn(this.#folder.join('env')) })
    this.#isMounted = false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isMounted) return
    await runToSuccess(['umount', '--lazy', this.path], { environment: environmentIn(this.#folder.join('env')) })
  }
}
