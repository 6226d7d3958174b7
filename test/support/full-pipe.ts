import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { TemporaryFolder } from './temporary-folder.ts'

/** What a pipe holds. */
export const PIPE_BYTES = 64 * 1024

/** A pipe with a name whose reader does not read: it takes nothing more until `read` is called. */
export class FullPipe implements Disposable {
  readonly path: string
  readonly #folder = new TemporaryFolder()
  readonly #fd: number

  constructor() {
    this.path = this.#folder.join('pipe')
    execFileSync('mkfifo', [this.path])
    this.#fd = openSync(this.path, 'r+')
    writeSync(this.#fd, ' '.repeat(PIPE_BYTES))
  }

  /** Waits for something to read. */
  read(): string {
    const piece = Buffer.alloc(PIPE_BYTES)
    return piece.toString('utf8', 0, readSync(this.#fd, piece))
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
    this.#folder[Symbol.dispose]()
  }
}
