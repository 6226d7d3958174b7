import { shownText } from '../../oci/image/shown-text.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { type FilePage, type StorageDriver, type StoragePath, storagePath } from '../../storage/driver.ts'
import { berthLayout, DESCRIPTION_FILE, findRemarkAt } from '../../storage/layout.ts'
import { FileTooLargeError } from '../../storage/storage-errors.ts'

/** A description has at most so many characters, as one out of an image. */
export const MAX_DESCRIPTION = 1_000
const MOST_BYTES = 16 * 1024

/** The record of a star by its user; '' for a description. */
export interface RemarkRecord {
  readonly repository: RepositoryName
  readonly user: string
}

/** What people say of repositories, one small file each, below `berth/v1/remarks`. Durable when a promise resolves; all may be repeated. */
export class RemarkRecords {
  readonly #storage: StorageDriver

  constructor(storage: StorageDriver) {
    this.#storage = storage
  }

  async describe(repository: RepositoryName, text: string, by: string | undefined): Promise<void> {
    const bytes = bytesOf({ at: new Date().toISOString(), by, text })
    await this.#storage.place([{ directory: berthLayout.remarksOn(repository), files: [{ name: DESCRIPTION_FILE, bytes }] }])
  }

  /** Undefined where there is none, or one that cannot be read. */
  async description(repository: RepositoryName): Promise<string | undefined> {
    const fields = await this.#read(storagePath(berthLayout.remarksOn(repository), DESCRIPTION_FILE))
    const text = typeof fields?.text === 'string' ? descriptionOf(fields.text) : ''
    return text === '' ? undefined : text
  }

  async star(repository: RepositoryName, user: string): Promise<void> {
    const bytes = bytesOf({ at: new Date().toISOString(), by: user })
    await this.#storage.place([
      { directory: berthLayout.starsOf(repository), files: [{ name: starFile(user), bytes, secret: true }] },
    ])
  }

  async hasStar(repository: RepositoryName, file: string): Promise<boolean> {
    return (await this.#storage.stat(storagePath(berthLayout.starsOf(repository), file))) !== undefined
  }

  async remove({ repository, user: file }: RemarkRecord): Promise<void> {
    const path =
      file === ''
        ? storagePath(berthLayout.remarksOn(repository), DESCRIPTION_FILE)
        : storagePath(berthLayout.starsOf(repository), file)
    await this.#storage.remove(path)
  }

  /** All of them, page by page. Files that are none are passed over. */
  async *pages(): AsyncGenerator<readonly RemarkRecord[]> {
    for (let after: string | undefined = ''; after !== undefined; ) {
      const page: FilePage = await this.#storage.listFiles(berthLayout.remarks, after === '' ? undefined : after)
      yield page.files.flatMap(({ path }) => findRemarkAt(path) ?? [])
      after = page.next
    }
  }

  async #read(path: StoragePath): Promise<Readonly<Record<string, unknown>> | undefined> {
    try {
      const bytes = await this.#storage.readSmall(path, MOST_BYTES)
      const value: unknown = bytes && JSON.parse(new TextDecoder().decode(bytes))
      return typeof value === 'object' && value !== null ? { ...value } : undefined
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof FileTooLargeError) return undefined
      throw error
    }
  }
}

/** One line that can be shown. */
export function descriptionOf(text: string): string {
  return shownText(text, MAX_DESCRIPTION)
}

/** How the file of a user's star is called: names of users may have any letters. */
export function starFile(user: string): string {
  return new Bun.CryptoHasher('sha256').update(user).digest('hex')
}

function bytesOf(fields: Readonly<Record<string, string | undefined>>): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ version: 1, ...fields })}\n`)
}
