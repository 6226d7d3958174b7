import { listHeldManifests } from '../../../metadata/collecting/damage.ts'
import { listTagTargets } from '../../../metadata/collecting/survey.ts'
import { findRepository } from '../../../metadata/content.ts'
import type { Query } from '../../../metadata/query.ts'
import { listKnownLinks, listKnownManifests } from '../../../metadata/scans.ts'
import type { Digest } from '../../../oci/digest.ts'
import type { RepositoryName } from '../../../oci/name.ts'
import type { Tag } from '../../../oci/reference.ts'

const TAGS_AT_ONCE = 500

/** What the database says of a repository. */
export interface RepositoryRows {
  /** This epoch has compared all of it with the storage: a pull believes these rows. */
  readonly isBelieved: boolean
  readonly links: ReadonlySet<Digest>
  /** Whose revision is there, whatever its bytes are. */
  readonly manifests: ReadonlySet<Digest>
  /** Those of them that are served. */
  readonly held: ReadonlySet<Digest>
  readonly tags: ReadonlyMap<Tag, Digest>
}

export async function readRows(read: Query, repository: RepositoryName, epoch: number): Promise<RepositoryRows> {
  const row = await findRepository(read, repository)
  if (row === undefined) return { isBelieved: false, links: new Set(), manifests: new Set(), held: new Set(), tags: new Map() }
  const tags = new Map<Tag, Digest>()
  for (let last = ''; ; ) {
    const page = await listTagTargets(read, row.id, last, TAGS_AT_ONCE)
    for (const { name, digest } of page) tags.set(name, digest)
    last = page.at(-1)?.name ?? last
    if (page.length < TAGS_AT_ONCE) break
  }
  return {
    isBelieved: row.scannedEpoch === epoch,
    links: new Set(await listKnownLinks(read, row.id)),
    manifests: new Set(await listKnownManifests(read, row.id)),
    held: new Set(await listHeldManifests(read, row.id)),
    tags,
  }
}
