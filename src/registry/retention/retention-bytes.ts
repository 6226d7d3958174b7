import { countBytesOnlyIn, listFollowing } from '../../metadata/keeping/bytes.ts'
import type { Query } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryDecisions } from './retention-look.ts'

/** What the decisions about a repository set free, in bytes. */
export interface RetainedBytes {
  /** Of manifests without a tag that go. */
  readonly going: number
  /** Of images that lose their last tag, and then stay without one until `retention.untagged` is over. */
  readonly untagged: number
}

/** An estimate: what is pushed until they go may need them. Asks for all manifests that go at once, and is for a process that serves nothing. */
export async function bytesOf(read: Query, { id, tags, untagged }: RepositoryDecisions): Promise<RetainedBytes> {
  const staying = new Set(tags.flatMap(({ goes, about }) => (goes ? [] : [about.digest])))
  const losing = new Set(tags.flatMap(({ goes, about }) => (goes && !staying.has(about.digest) ? [about.digest] : [])))
  const gone = untagged.flatMap(({ goes, about }) => (goes ? [about.digest] : []))
  const going = gone.length === 0 ? 0 : await bytesOnlyIn(read, id, gone)
  const both = losing.size === 0 ? going : await bytesOnlyIn(read, id, [...gone, ...losing])
  return { going, untagged: both - going }
}

async function bytesOnlyIn(read: Query, repositoryId: number, manifests: readonly Digest[]): Promise<number> {
  const all = [...manifests]
  for (let more: readonly Digest[] = all; more.length > 0; ) {
    more = await listFollowing(read, repositoryId, all)
    all.push(...more)
  }
  return await countBytesOnlyIn(read, repositoryId, all)
}
