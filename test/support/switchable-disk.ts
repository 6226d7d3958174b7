import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BackgroundProgram, type Environment, environmentIn, poll, run, runToSuccess } from './processes.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

const PROGRAM = join(import.meta.dir, 'switchable-disk.py')
const MOUNTED_MS = 30_000

/**
 * A mounted file system that becomes read-only, and writable again, while files of it are open for writing: what a server of files does to its clients
 * and `mount -o remount,ro` refuses to do. Each change is refused then, also a write to an open file. Needs root, /dev/fuse and python3-fusepy.
 */
export class SwitchableDisk implements AsyncDisposable {
  readonly path: string
  readonly #switch: string
  readonly #environment: Environment
  readonly #program: BackgroundProgram

  private constructor(parts: { path: string; switchPath: string; environment: Environment; program: BackgroundProgram }) {
    this.path = parts.path
    this.#switch = parts.switchPath
    this.#environment = parts.environment
    this.#program = parts.program
  }

  static async mount(folder: TemporaryFolder): Promise<SwitchableDisk> {
    const environment = environmentIn(folder.join('env'))
    const [behind, path, switchPath] = [folder.join('behind'), folder.join('disk'), folder.join('read-only')]
    await mkdir(behind)
    await mkdir(path)
    const program = new BackgroundProgram(['/usr/bin/python3', PROGRAM, behind, path, switchPath], { environment })
    const disk = new SwitchableDisk({ path, switchPath, environment, program })
    await poll(`the disk is mounted: ${program.output}`, MOUNTED_MS, async () => {
      if (!program.running) throw new Error(program.output)
      return (await run(['mountpoint', '--quiet', path], { environment })).exitCode === 0 || undefined
    })
    return disk
  }

  async makeReadOnly(): Promise<void> {
    await writeFile(this.#switch, '')
  }

  async makeWritable(): Promise<void> {
    await rm(this.#switch)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await runToSuccess(['umount', '--lazy', this.path], { environment: this.#environment })
    await this.#program.stop()
  }
}
