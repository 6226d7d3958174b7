import { listSynced } from '../../../metadata/mirroring/synced.ts'
import type { Metadata } from '../../../metadata/query.ts'
import type { Digest } from '../../../oci/digest.ts'
import type { RepositoryName } from '../../../oci/name.ts'
import { readSyncNote } from './sync-note.ts'
import type { SyncRule } from './sync-rule.ts'

export interface SyncPinsOptions {
  readonly metadata: Metadata
  /** The prefix of the mirror. */
  readonly mirror: string
  readonly rule: Pick<SyncRule, 'repositories'>
}

/**
 * What a rule has brought and names stays, whatever limits the mirror has. What it names is written in the metadata: until a run has looked at all of
 * it, as after the loss of the database, everything stays that may be meant.
 */
export class SyncPins {
  readonly #options: SyncPinsOptions

  constructor(options: SyncPinsOptions) {
    this.#options = options
  }

  async has(repository: RepositoryName, digest: Digest): Promise<boolean> {
    return (await this.among(repository, [digest])).has(digest)
  }

  /** Which of these stay; they are in the order of their digests. */
  async among(repository: RepositoryName, digests: readonly Digest[]): Promise<ReadonlySet<Digest>> {
    const { metadata, mirror, rule } = this.#options
    const [first, last] = [digests[0], digests.at(-1)]
    const there = repository.slice(mirror.length + 1)
    if (first === undefined || last === undefined || !rule.repositories.some((glob) => glob.fits(there))) return new Set()
    if ((await readSyncNote(metadata.read, mirror))?.listedAtMs === undefined) return new Set(digests)
    return new Set(await listSynced(metadata.read, { mirror, repository }, { first, last }))
  }
}
