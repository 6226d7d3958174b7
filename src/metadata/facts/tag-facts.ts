import type { Digest } from '../../oci/digest.ts'
import type { ManifestMediaType } from '../../oci/media-types.ts'
import type { Tag } from '../../oci/reference.ts'
import type { Query } from '../query.ts'

/** A tag, with what is known of its image and of its last move. Null: unknown, or not said. */
export interface TagFactsRow {
  readonly tag: Tag
  readonly digest: Digest
  readonly mediaType: ManifestMediaType | null
  /** What an image index does not say, its first image does. */
  readonly createdMs: number | null
  /** Null for an image index. */
  readonly size: number | null
  /** Of the first image of an image index. */
  readonly firstSize: number | null
  /** A list of JSON. */
  readonly platforms: string | null
  readonly movedMs: number | null
  readonly movedBy: string | null
  readonly movedHow: string | null
}

const TAG_FACTS = `SELECT t.name AS tag, t.digest AS digest, c.media_type AS mediaType, coalesce(f.created_ms, i.created_ms) AS createdMs,
            f.size AS size, i.size AS firstSize, f.platforms AS platforms, t.moved_ms AS movedMs, t.moved_by AS movedBy, t.moved_how AS movedHow`
const ITS_IMAGE = `LEFT JOIN manifest_content c ON c.digest = t.digest LEFT JOIN image_facts f ON f.digest = t.digest
     LEFT JOIN image_facts i ON i.digest = f.first_image`

/** A page in byte order, as the list of tags has it. */
export async function listTagFacts(query: Query, repositoryId: number, after: string, limit: number): Promise<TagFactsRow[]> {
  return await query.all<TagFactsRow>(
    `${TAG_FACTS} FROM tag t ${ITS_IMAGE}
     WHERE t.repository_id = CAST(? AS INTEGER) AND t.name > CAST(? AS TEXT) AND t.held = 1 ORDER BY t.name LIMIT CAST(? AS INTEGER)`,
    repositoryId,
    after,
    limit,
  )
}

/** The same of these tags, in no order. */
export async function listTagFactsOf(query: Query, repositoryId: number, tags: readonly Tag[]): Promise<TagFactsRow[]> {
  return await query.all<TagFactsRow>(
    `${TAG_FACTS} FROM json_each(?) j CROSS JOIN tag t ON t.repository_id = CAST(? AS INTEGER) AND t.name = j.value AND t.held = 1 ${ITS_IMAGE}`,
    JSON.stringify(tags),
    repositoryId,
  )
}
