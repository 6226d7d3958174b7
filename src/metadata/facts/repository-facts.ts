import type { Digest } from '../../oci/digest.ts'
import type { Tag } from '../../oci/reference.ts'
import type { Query } from '../query.ts'

/** How many tags a repository has, and to how many manifests they point. */
export interface TagCounts {
  readonly tags: number
  readonly images: number
}

const SOME =
  'SELECT name, digest, moved_ms FROM tag WHERE repository_id = CAST(? AS INTEGER) AND held = 1 LIMIT CAST(? AS INTEGER)'

/** Of so many tags at most. */
export async function countTags(query: Query, repositoryId: number, most: number): Promise<TagCounts> {
  const counts = await query.get<TagCounts>(
    `WITH t AS (${SOME}) SELECT count(*) AS tags, count(DISTINCT digest) AS images FROM t`,
    repositoryId,
    most,
  )
  return counts ?? { tags: 0, images: 0 }
}

/** The tag that was moved last; what is not known of a move, the time at which its image was made says. Of so many tags at most. */
export async function findNewestTag(query: Query, repositoryId: number, most: number): Promise<Tag | undefined> {
  const row = await query.get<{ tag: Tag }>(
    `WITH t AS (${SOME}) SELECT t.name AS tag FROM t
     ORDER BY coalesce(t.moved_ms, (SELECT coalesce(f.created_ms, i.created_ms) FROM image_facts f
       LEFT JOIN image_facts i ON i.digest = f.first_image WHERE f.digest = t.digest)) DESC, t.name DESC LIMIT 1`,
    repositoryId,
    most,
  )
  return row?.tag
}

/** The sizes of some images, as far as they are known: bytes of config and layers. */
export async function findSizes(query: Query, digests: readonly Digest[]): Promise<ReadonlyMap<Digest, number>> {
  const rows = await query.all<{ digest: Digest; size: number }>(
    `SELECT f.digest AS digest, f.size AS size FROM json_each(?) j JOIN image_facts f ON f.digest = j.value
     WHERE f.state = 0 AND f.size IS NOT NULL`,
    JSON.stringify(digests),
  )
  return new Map(rows.map(({ digest, size }) => [digest, size]))
}

/** The first tags of each of these manifests, so many at most of each. */
export async function listTagsOf(
  query: Query,
  repositoryId: number,
  digests: readonly Digest[],
  most: number,
): Promise<ReadonlyMap<Digest, readonly Tag[]>> {
  const rows = await query.all<{ digest: Digest; tags: string }>(
    `SELECT j.value AS digest, (SELECT json_group_array(name) FROM (SELECT name FROM tag
       WHERE repository_id = CAST(? AS INTEGER) AND digest = j.value AND held = 1 LIMIT CAST(? AS INTEGER)) named) AS tags
     FROM json_each(?) j`,
    repositoryId,
    most,
    JSON.stringify(digests),
  )
  return new Map(rows.map(({ digest, tags }) => [digest, JSON.parse(tags) as Tag[]]))
}
