import { existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const SHARED_MEMORY = '/dev/shm'
/** Containers often have 64 MiB of it, which a registry fills. */
const LEAST_SHARED_BYTES = 2 * 1024 ** 3

/** A folder that goes away with everything in it when the test that owns it ends. Short, because sockets are made in it. */
export class TemporaryFolder implements Disposable {
  readonly path: string

  /** `inMemory`: where syncing costs nothing, if this machine has such a place with enough room. */
  constructor({ inMemory = false }: { readonly inMemory?: boolean } = {}) {
    this.path = mkdtempSync(join(inMemory && hasRoom(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir(), 'berth-'))
  }

  /** A path inside; nothing is made there. */
  join(...names: readonly string[]): string {
    return join(this.path, ...names)
  }

  /** The path of a directory inside, made if it is not there. */
  async directory(...names: readonly string[]): Promise<string> {
    const path = this.join(...names)
    await mkdir(path, { recursive: true })
    return path
  }

  /** The path of a file inside, written with its parents. */
  async file(name: string, content: string | Uint8Array): Promise<string> {
    const path = this.join(name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, content)
    return path
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5 })
  }
}

function hasRoom(directory: string): boolean {
  if (!existsSync(directory)) return false
  const { bavail, bsize } = statfsSync(directory)
  return bavail * bsize >= LEAST_SHARED_BYTES
}
