import type { Digest } from '../../oci/digest.ts'
import type { Tag } from '../../oci/reference.ts'
import type { Query, Sql } from '../query.ts'

/** What tags can be ordered by that the database knows. */
export type TagKey = keyof typeof TAG_VALUES

export interface TagKeyRow {
  readonly tag: Tag
  readonly digest: Digest
  /** What they are ordered by; null where that is not known. */
  readonly value: number | null
}

/** Of the image; of an image index, of its first image. */
function factOf(column: string): string {
  return `(SELECT coalesce(f.${column}, (SELECT i.${column} FROM image_facts i WHERE i.digest = f.first_image)) FROM image_facts f WHERE f.digest = t.digest)`
}

/** Of a tag `t`. */
export const TAG_VALUES = {
  none: 'NULL',
  created: factOf('created_ms'),
  // When the tag came to point there, as far as that is known: else when it was pushed, or when its image was made.
  moved: `coalesce(t.moved_ms, t.pushed_ms, ${factOf('created_ms')})`,
  size: factOf('size'),
}

/** A slice of the tags of a repository, by name. What nothing is ordered by is not looked for. */
export async function listTagKeys(
  query: Query,
  repositoryId: number,
  { key, after, limit }: { readonly key: TagKey; readonly after: string; readonly limit: number },
): Promise<TagKeyRow[]> {
  return await query.all<TagKeyRow>(KEYS[key], repositoryId, after, limit)
}

const KEYS = Object.fromEntries(
  Object.entries(TAG_VALUES).map(([key, value]) => [
    key,
    `SELECT t.name AS tag, t.digest AS digest, ${value} AS value FROM tag t
     WHERE t.repository_id = CAST(? AS INTEGER) AND t.name > CAST(? AS TEXT) AND t.held = 1 ORDER BY t.name LIMIT CAST(? AS INTEGER)`,
  ]),
) as Record<TagKey, string>

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
