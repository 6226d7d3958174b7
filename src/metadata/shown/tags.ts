import type { Digest } from '../../oci/digest.ts'
import type { Tag } from '../../oci/reference.ts'
import type { Query, Sql } from '../query.ts'

/** What tags are ordered by. */
export interface TagKeyRow {
  readonly tag: Tag
  readonly digest: Digest
  /** When its image was made; null: unknown. */
  readonly createdMs: number | null
  /** When it came to point there, as far as that is known: else when it was pushed, or when its image was made. */
  readonly movedMs: number | null
  /** Bytes of its image; of an image index, those of its first image. */
  readonly size: number | null
}

/** A slice of the tags of a repository, by name. */
export async function listTagKeys(query: Query, repositoryId: number, after: string, limit: number): Promise<TagKeyRow[]> {
  return await query.all<TagKeyRow>(
    `SELECT t.name AS tag, t.digest AS digest, coalesce(f.created_ms, i.created_ms) AS createdMs,
       coalesce(t.moved_ms, t.pushed_ms, f.created_ms, i.created_ms) AS movedMs, coalesce(f.size, i.size) AS size
     FROM tag t LEFT JOIN image_facts f ON f.digest = t.digest LEFT JOIN image_facts i ON i.digest = f.first_image
     WHERE t.repository_id = CAST(? AS INTEGER) AND t.name > CAST(? AS TEXT) AND t.held = 1 ORDER BY t.name LIMIT CAST(? AS INTEGER)`,
    repositoryId,
    after,
    limit,
  )
}

/** Some tags that lead to each of these manifests, by name: at most so many of each. */
export async function listTagsLeadingTo(
  query: Query,
  repositoryId: number,
  digests: readonly Digest[],
  atMost: number,
): Promise<ReadonlyMap<Digest, readonly Tag[]>> {
  const rows = await query.all<{ digest: Digest; tags: string }>(
    TAGS_LEADING_TO,
    repositoryId,
    atMost,
    JSON.stringify([...new Set(digests)]),
  )
  return new Map(rows.map(({ digest, tags }) => [digest, JSON.parse(tags) as Tag[]]))
}

const TAGS_LEADING_TO: Sql = {
  sqlite: tagsLeadingTo('json_group_array(name)'),
  postgresql: tagsLeadingTo("coalesce(json_agg(name)::text, '[]')"),
}

function tagsLeadingTo(list: string): string {
  return `SELECT j.value AS digest, (SELECT ${list} FROM (SELECT t.name AS name FROM tag t INDEXED BY tag_by_digest
       WHERE t.repository_id = CAST(? AS INTEGER) AND t.digest = j.value AND t.held = 1 ORDER BY t.name LIMIT CAST(? AS INTEGER)) named) AS tags
     FROM json_each(?) j`
}
