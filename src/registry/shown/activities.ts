import { setImmediate } from 'node:timers/promises'
import type { Metadata } from '../../metadata/query.ts'
import { type ActivityRow, listActivity, listLastMoves } from '../../metadata/shown/activity.ts'
import type { RepositoryName } from '../../oci/name.ts'

const ROWS_AT_ONCE = 500

export interface ActivityRequest {
  /** Only older ones; undefined: from the newest on. */
  readonly before: number | undefined
  readonly limit: number
  readonly isShown: ((repository: RepositoryName) => boolean) | undefined
}

export interface ActivityPage {
  readonly entries: readonly ActivityRow[]
  /** Sent as `before` for older ones; undefined: there are none. */
  readonly next: number | undefined
}

/** The newest moves and deletions of tags in all repositories: the last ten thousand, within five seconds. */
export class Activities {
  readonly #metadata: Metadata

  constructor(metadata: Metadata) {
    this.#metadata = metadata
  }

  async page(request: ActivityRequest): Promise<ActivityPage> {
    return await this.#collect(listActivity, request)
  }

  /** The repositories whose tags have moved last, each with that move: as far as it is among those that are kept. */
  async repositories(request: ActivityRequest): Promise<ActivityPage> {
    return await this.#collect(listLastMoves, request)
  }

  async #collect(list: typeof listActivity, { before, limit, isShown }: ActivityRequest): Promise<ActivityPage> {
    const found: ActivityRow[] = []
    for (let last = before ?? Number.MAX_SAFE_INTEGER; ; ) {
      const rows = await list(this.#metadata.read, last, ROWS_AT_ONCE)
      found.push(...rows.filter(({ repository }) => isShown?.(repository) ?? true))
      if (found.length > limit) return { entries: found.slice(0, limit), next: found[limit - 1]?.id }
      const end = rows.at(-1)
      if (rows.length < ROWS_AT_ONCE || end === undefined) return { entries: found, next: undefined }
      last = end.id
      await setImmediate()
    }
  }
}
