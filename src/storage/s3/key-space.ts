import { findStoragePath, type StoragePath } from '../driver.ts'

/** Paths as keys of the bucket, byte for byte as registry:2 makes them. */
export class KeySpace {
  readonly #root: string

  /** `rootdirectory` as it stands in the configuration. */
  constructor(rootDirectory: string) {
    this.#root = rootDirectory.replace(/\/+$/, '')
  }

  keyOf(path: StoragePath): string {
    return `${this.#root}/${path}`.replace(/^\/+/, '')
  }

  /** What the keys of everything below a directory begin with; '' below an empty root. */
  prefixOf(directory: StoragePath): string {
    const key = this.keyOf(directory).replace(/\/+$/, '')
    return key === '' ? '' : `${key}/`
  }

  /** Undefined for a key that no path has: another program's. */
  pathOf(key: string): StoragePath | undefined {
    const text = this.textOf(key)
    return text === undefined ? undefined : findStoragePath(text)
  }

  /** What a key has below the root; undefined when it lies elsewhere. */
  textOf(key: string): string | undefined {
    const start = this.#root.replace(/^\/+/, '')
    return key.startsWith(start) ? key.slice(start.length).replace(/^\/+/, '') : undefined
  }
}
