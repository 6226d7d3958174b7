import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Query } from '../query.ts'

/** In place of the digest of a manifest that was pushed. */
export const ANY_CAME = ''
export const ONE_WENT = '-'

/** A repository whose entry is to be looked at. */
export interface PendingRow {
  readonly repositoryId: number
  /** Of a manifest that was pushed, or one of the marks above. */
  readonly digest: string
  readonly mark: number
}

/** What an entry says. */
export interface SearchEntry {
  readonly repositoryId: number
  readonly words: string
  readonly description: string | null
  readonly source: Digest | null
  /** Whether the last push came from a robot; undefined: as far as it is known already. */
  readonly isAutomated: boolean | undefined
}

/** A manifest that says something, by which an entry may be made. Null: unknown. */
export interface SourceRow {
  readonly digest: Digest
  readonly createdMs: number | null
  readonly pushedMs: number | null
  readonly description: string | null
  readonly words: string
}

export async function listPending(query: Query, limit: number): Promise<PendingRow[]> {
  return await query.all<PendingRow>(
    'SELECT repository_id AS repositoryId, digest, mark FROM search_pending ORDER BY repository_id, digest LIMIT ?',
    limit,
  )
}

/** A change that came after the look leaves its row. */
export async function deletePending(query: Query, rows: readonly PendingRow[]): Promise<void> {
  for (const { repositoryId, digest, mark } of rows)
    await query.run('DELETE FROM search_pending WHERE repository_id = ? AND digest = ? AND mark = ?', repositoryId, digest, mark)
}

export interface EntrySource {
  readonly name: RepositoryName
  /** Undefined where it has no entry yet, or says nothing. */
  readonly source: SourceRow | undefined
  /** Set by hand; null where it is not. */
  readonly description: string | null
}

/** The name of a repository, and what its entry is made of, as long as the repository holds that. */
export async function findEntrySource(query: Query, repositoryId: number): Promise<EntrySource | undefined> {
  const row = await query.get<{ name: RepositoryName; source: Digest | null; description: string | null }>(
    `SELECT r.name AS name, e.source AS source, d.description AS description FROM repository r
     LEFT JOIN search_entry e ON e.repository_id = r.id LEFT JOIN remark d ON d.repository = r.name
     WHERE r.id = CAST(? AS INTEGER)`,
    repositoryId,
  )
  if (row === undefined) return undefined
  const { name, source, description } = row
  return { name, description, source: source === null ? undefined : await findSource(query, repositoryId, source) }
}

/** What last moved a tag to one of these manifests by a push; undefined where no tag leads there, or that is not known. */
export async function findLastPusher(
  query: Query,
  repositoryId: number,
  digests: readonly string[],
): Promise<{ readonly by: string | null } | undefined> {
  return await query.get(
    `SELECT t.moved_by AS by FROM json_each(?) j CROSS JOIN tag t INDEXED BY tag_by_digest ON t.repository_id = CAST(? AS INTEGER) AND t.digest = j.value
     WHERE t.moved_how = 'manifest push' ORDER BY t.moved_ms DESC LIMIT 1`,
    JSON.stringify(digests),
    repositoryId,
  )
}

/** A manifest of the repository that says something. An image index is as old as its first image. */
export async function findSource(query: Query, repositoryId: number, digest: string): Promise<SourceRow | undefined> {
  return await query.get<SourceRow>(
    `${SOURCES} WHERE m.repository_id = CAST(? AS INTEGER) AND m.digest = CAST(? AS TEXT) AND ${SAYS_SOMETHING}`,
    repositoryId,
    digest,
  )
}

/** Some manifests of the repository, by digest; null words: it says nothing. */
export async function listSources(
  query: Query,
  repositoryId: number,
  after: string,
  limit: number,
): Promise<(Omit<SourceRow, 'words'> & { readonly words: string | null })[]> {
  return await query.all(
    `${SOURCES} WHERE m.repository_id = CAST(? AS INTEGER) AND m.digest > CAST(? AS TEXT) AND m.held = 1 AND m.subject IS NULL
     ORDER BY m.digest LIMIT CAST(? AS INTEGER)`,
    repositoryId,
    after,
    limit,
  )
}

const SOURCES = `SELECT m.digest AS digest, coalesce(f.created_ms, i.created_ms) AS createdMs, m.pushed_ms AS pushedMs,
     coalesce(f.description, f.title) AS description, f.words AS words
   FROM manifest m LEFT JOIN image_facts f ON f.digest = m.digest LEFT JOIN image_facts i ON i.digest = f.first_image`
const SAYS_SOMETHING = 'm.held = 1 AND m.subject IS NULL AND f.words IS NOT NULL'

/** Nothing is written where nothing has changed: its index is what costs. */
export async function putEntry(query: Query, entry: SearchEntry): Promise<void> {
  const { repositoryId, words, description, source, isAutomated } = entry
  const automated = isAutomated === undefined ? null : Number(isAutomated)
  await query.run(
    `INSERT INTO search_entry (repository_id, name, words, description, source, automated)
     SELECT id, name, ?, ?, ?, coalesce(?, 0) FROM repository WHERE id = ?
     ON CONFLICT (repository_id) DO UPDATE SET words = excluded.words, description = excluded.description, source = excluded.source,
       automated = coalesce(?, search_entry.automated)
     WHERE search_entry.words <> excluded.words OR search_entry.description IS DISTINCT FROM excluded.description
       OR search_entry.source IS DISTINCT FROM excluded.source OR search_entry.automated <> coalesce(?, search_entry.automated)`,
    ...[words, description, source, automated, repositoryId, automated, automated],
  )
}
