import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { NameRange } from '../../oci/name-ranges.ts'
import type { Tag } from '../../oci/reference.ts'
import type { Query, Sql } from '../query.ts'

export interface PackageRow {
  readonly id: number
  readonly type: string
  readonly name: string
  readonly version: string
}

/** A slice of the packages whose name lies in a range, by name, kind and version. `version`: what their versions begin with. */
export async function listPackageRows(
  query: Query,
  { range, type, version, after, limit }: PackageQuestion,
): Promise<readonly PackageRow[]> {
  return await query.all<PackageRow>(
    `SELECT id, type, name, version FROM package
     WHERE name >= ? AND name < ? AND (name, type, version) > (?, ?, ?) AND type LIKE ? AND substr(version, 1, length(?)) = ?
     ORDER BY name, type, version LIMIT ?`,
    ...[range.from, range.below, after.name, after.type, after.version],
    ...[type ?? '%', version, version, limit],
  )
}

export interface PackageQuestion {
  readonly range: NameRange
  /** Undefined: all. */
  readonly type: string | undefined
  readonly version: string
  readonly after: Omit<PackageRow, 'id'>
  readonly limit: number
}

/** An image in a repository that has a package. */
export interface HolderRow {
  readonly imageId: number
  readonly digest: Digest
  readonly repositoryId: number
  readonly repository: RepositoryName
}

/** A slice of the images that have a package, in each repository that holds them. */
export async function listPackageHolders(
  query: Query,
  packageId: number,
  after: Pick<HolderRow, 'imageId' | 'repositoryId'>,
  limit: number,
): Promise<readonly HolderRow[]> {
  return await query.all<HolderRow>(
    `SELECT p.image_id AS imageId, i.digest AS digest, r.id AS repositoryId, r.name AS repository
     FROM image_package p CROSS JOIN image_inside i ON i.id = p.image_id AND i.id IS NOT NULL
       CROSS JOIN manifest m ON m.digest = i.digest AND m.held = 1 CROSS JOIN repository r ON r.id = m.repository_id
     WHERE p.package_id = CAST(? AS INTEGER) AND p.image_id >= CAST(? AS INTEGER)
       AND (p.image_id, r.id) > (CAST(? AS INTEGER), CAST(? AS INTEGER))
     ORDER BY p.image_id, r.id LIMIT CAST(? AS INTEGER)`,
    packageId,
    after.imageId,
    after.imageId,
    after.repositoryId,
    limit,
  )
}

/** Of each of these manifests some tags that lead to it, also those of image indexes that name it; in the same order. */
export async function listTagsAt(
  query: Query,
  images: readonly { readonly repositoryId: number; readonly digest: Digest }[],
  limit: number,
): Promise<readonly (readonly Tag[])[]> {
  const rows = await query.all<{ tags: string }>(
    TAGS_AT,
    limit,
    JSON.stringify(images.map(({ repositoryId, digest }) => [repositoryId, digest])),
  )
  return rows.map(({ tags }) => JSON.parse(tags) as Tag[])
}

const TAGS_AT: Sql = {
  sqlite: tagsAt('json_group_array(name)'),
  postgresql: tagsAt("coalesce(json_agg(name)::text, '[]')"),
}

function tagsAt(list: string): string {
  return `SELECT (SELECT ${list} FROM (SELECT t.name AS name FROM tag t INDEXED BY tag_by_digest
       WHERE t.repository_id = CAST(j.value ->> 0 AS INTEGER) AND t.held = 1 AND t.digest IN (SELECT j.value ->> 1 UNION ALL
         SELECT f.manifest FROM reference f
         WHERE f.target = j.value ->> 1 AND f.repository_id = CAST(j.value ->> 0 AS INTEGER) AND f.role = 'child')
       ORDER BY t.name LIMIT ?) named) AS tags
     FROM json_each(?) j ORDER BY j.key`
}
