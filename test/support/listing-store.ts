import { createHash } from 'node:crypto'
import { type FilePage, LOCAL_STORAGE, type StoragePath } from '../../src/storage/driver.ts'
import { layout } from '../../src/storage/layout.ts'
import { MemoryDriver } from '../../src/storage/memory/memory.ts'

/** Files in memory that are listed as an object store does it. */
export class ListingStore extends MemoryDriver {
  override readonly capabilities = { ...LOCAL_STORAGE, listsWhole: true }
  /** What it tells in place of an MD5. */
  etag: (text: string) => string | undefined = (text) => createHash('md5').update(text).digest('hex')
  /** Happens between a list and its answer. */
  onListed: (path: StoragePath) => Promise<void> = async () => undefined
  reads: string[] = []
  #shown: Map<string, FilePage> | undefined

  override async listFiles(path: StoragePath, after?: string): Promise<FilePage> {
    const page = this.#shown?.get(path) ?? (await this.#list(path, after))
    await this.onListed(path)
    return page
  }

  /** From now on lists show what is there at this moment. */
  async goStale(): Promise<void> {
    const paths = [layout.blobs, layout.repositories]
    this.#shown = new Map(await Promise.all(paths.map(async (path) => [String(path), await this.#list(path)] as const)))
  }

  override async readSmall(path: StoragePath, maxBytes: number): Promise<Uint8Array | undefined> {
    this.reads.push(path)
    return await super.readSmall(path, maxBytes)
  }

  override async stat(path: StoragePath) {
    this.reads.push(path)
    return await super.stat(path)
  }

  async #list(path: StoragePath, after?: string): Promise<FilePage> {
    const { files, unnamed, next } = await super.listFiles(path, after)
    const listed = files.map(async (file) => {
      const bytes = (await super.readSmall(file.path, 1024 * 1024)) ?? new Uint8Array()
      return { ...file, md5: this.etag(new TextDecoder().decode(bytes)) }
    })
    return { files: await Promise.all(listed), unnamed, next }
  }
}
