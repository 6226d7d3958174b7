import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder of this command alone for files that go with it. */
export class TemporaryFiles implements AsyncDisposable {
  readonly #folder: string
  #made = 0

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Below TMPDIR. */
  static async create(): Promise<TemporaryFiles> {
    return new TemporaryFiles(await mkdtemp(join(tmpdir(), 'berth-image-')))
  }

  /** Of a file that is not there yet. */
  newPath(): string {
    this.#made += 1
    return join(this.#folder, String(this.#made))
  }

  async remove(path: string): Promise<void> {
    await rm(path, { force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }
}
