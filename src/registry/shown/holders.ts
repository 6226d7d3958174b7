import { setImmediate } from 'node:timers/promises'
import type { Metadata } from '../../metadata/query.ts'
import { type HolderRow, listHolders } from '../../metadata/shown/holders.ts'
import type { RepositoryName } from '../../oci/name.ts'

const ROWS_AT_ONCE = 200

export interface HoldersRequest {
  /** `sha256:` and digits: a whole digest, or how it begins. */
  readonly begin: string
  readonly limit: number
  readonly isShown: ((repository: RepositoryName) => boolean) | undefined
}

/** Finds the repositories that have a manifest. */
export class Holders {
  readonly #metadata: Metadata

  constructor(metadata: Metadata) {
    this.#metadata = metadata
  }

  /** Those of them that have been looked into. */
  async of({ begin, limit, isShown = () => true }: HoldersRequest): Promise<readonly HolderRow[]> {
    const found: HolderRow[] = []
    for (let last: { readonly digest: string; readonly repository: string } = { digest: '', repository: '' }; ; ) {
      const rows = await listHolders(this.#metadata.read, begin, last, ROWS_AT_ONCE)
      found.push(...rows.filter(({ repository }) => isShown(repository)))
      const end = rows.at(-1)
      if (found.length >= limit || rows.length < ROWS_AT_ONCE || end === undefined) return found.slice(0, limit)
      last = end
      await setImmediate()
    }
  }
}
