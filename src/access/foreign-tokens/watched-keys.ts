import type { Log } from '../../observe/log.ts'
import { markOf } from '../accounts/file-mark.ts'
import { type KeyFiles, readTrustedKeys, type TrustedKeys } from './trusted-keys.ts'

/** A change holds for every request that comes so much later. */
const LOOK_EVERY_MS = 1_000

/** The keys that tokens are signed with, read again when their files change. */
export class WatchedKeys {
  readonly #files: KeyFiles
  readonly #log: Log
  #keys: TrustedKeys
  #mark: string
  /** Of files that could not be read: that is told once. */
  #unreadable: string | undefined
  #lookedAt = performance.now()
  #looking: Promise<void> | undefined

  private constructor(files: KeyFiles, log: Log, { keys, mark }: { readonly keys: TrustedKeys; readonly mark: string }) {
    this.#files = files
    this.#log = log
    this.#keys = keys
    this.#mark = mark
  }

  /** Throws UnusableAccessError. */
  static async open(files: KeyFiles, log: Log): Promise<WatchedKeys> {
    const mark = await markOfAll(files)
    return new WatchedKeys(files, log, { keys: await readTrustedKeys(files), mark })
  }

  /** The same object for as long as nothing changes. Files that cannot be read leave everything as it was. */
  async current(): Promise<TrustedKeys> {
    if (performance.now() - this.#lookedAt >= LOOK_EVERY_MS) {
      this.#looking ??= this.#look()
      await this.#looking
    }
    return this.#keys
  }

  async #look(): Promise<void> {
    const mark = await markOfAll(this.#files)
    try {
      if (mark === this.#mark) return
      this.#keys = await readTrustedKeys(this.#files)
      this.#mark = mark
      this.#log.info('keys for tokens read again', { keys: this.#keys.byId.size, certificates: this.#keys.roots.length })
    } catch (error) {
      if (mark !== this.#unreadable) this.#log.error('keys for tokens cannot be read, the old ones hold', { error })
      this.#unreadable = mark
    } finally {
      this.#lookedAt = performance.now()
      this.#looking = undefined
    }
  }
}

async function markOfAll({ rootCertBundle, jwks }: KeyFiles): Promise<string> {
  const marks = [rootCertBundle, jwks].map(async (path) => {
    if (path === undefined) return 'none'
    return await markOf(path).then(
      ({ mark }) => mark,
      () => 'unreadable',
    )
  })
  return (await Promise.all(marks)).join(', ')
}
