import type { Digest } from '../../oci/digest.ts'
import type { ImageConfig } from '../../oci/image/image-config.ts'
import { type ImageFacts, wordsOf } from '../../oci/image/image-facts.ts'
import type { Query, SqlValue } from '../query.ts'

/** How far the facts about a manifest are known: its config may come later, where it is fetched from another registry. */
export type FactState = 'read' | 'waits for its config'

const STATES = { read: 0, 'to be read': 1, 'waits for its config': 2, unreadable: 3 } as const

/** What is known of one manifest: undefined fields are not said, or not known yet. */
export interface KnownFacts extends ImageFacts {
  readonly isRead: boolean
}

/** A manifest whose facts the background has to read. */
export interface UnreadRow {
  readonly digest: Digest
  /** What it waits for; null where it waits for nothing. */
  readonly config: Digest | null
  readonly configIsThere: 0 | 1
}

/** The facts that a push brings, before the row of its content: so no row is made for facts that are to be read. May be repeated. */
export async function putFacts(query: Query, digest: Digest, facts: ImageFacts): Promise<void> {
  await query.run(
    `INSERT INTO image_facts (state, ${COLUMNS}, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (digest) DO UPDATE SET (state, ${COLUMNS}) = (excluded.state, ${EXCLUDED}) WHERE image_facts.state > 0`,
    STATES.read,
    ...valuesOf(facts),
    digest,
  )
}

/** The same for facts that were read later. A manifest that has gone meanwhile has no row, and gets none. */
export async function setFacts(query: Query, digest: Digest, facts: ImageFacts, state: FactState): Promise<void> {
  await query.run(
    `UPDATE image_facts SET (state, ${COLUMNS}) = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE digest = ? AND state > 0`,
    STATES[state],
    ...valuesOf(facts),
    digest,
  )
}

/** The content cannot be read: a push of the manifest brings the facts. */
export async function setNoFacts(query: Query, digest: Digest): Promise<void> {
  await query.run('UPDATE image_facts SET state = ? WHERE digest = ? AND state > 0', STATES.unreadable, digest)
}

/** The condition of the index of these rows: a statement that does not repeat it reads the rows of all manifests. */
const IS_UNREAD = 'state > 0'

/** Some that are to be read, by digest. */
export async function listUnread(query: Query, after: string, limit: number): Promise<Digest[]> {
  const rows = await query.all<{ digest: Digest }>(
    `SELECT digest FROM image_facts WHERE state = 1 AND ${IS_UNREAD} AND digest > ? ORDER BY digest LIMIT ?`,
    after,
    limit,
  )
  return rows.map(({ digest }) => digest)
}

export async function countUnread(query: Query): Promise<number> {
  const sql = `SELECT count(*) AS count FROM image_facts WHERE state = 1 AND ${IS_UNREAD}`
  return (await query.get<{ count: number }>(sql))?.count ?? 0
}

/** Some that wait for their config, by digest, and whether its bytes have come. */
export async function listWaiting(query: Query, after: string, limit: number): Promise<UnreadRow[]> {
  return await query.all<UnreadRow>(
    `SELECT f.digest AS digest, f.config AS config, b.size IS NOT NULL AS configIsThere
     FROM image_facts f LEFT JOIN blob b ON b.digest = f.config AND b.state = 'live'
     WHERE f.state = 2 AND f.${IS_UNREAD} AND f.digest > CAST(? AS TEXT) ORDER BY f.digest LIMIT CAST(? AS INTEGER)`,
    after,
    limit,
  )
}

export async function findFacts(query: Query, digest: Digest): Promise<KnownFacts | undefined> {
  const row = await query.get<FactsRow>(`SELECT state, ${COLUMNS} FROM image_facts WHERE digest = ?`, digest)
  return row && knownOf(row)
}

const COLUMN_NAMES = [
  ...['created_ms', 'size', 'platforms', 'title', 'description', 'source', 'version', 'base_name', 'base_digest'],
  ...['config', 'first_image', 'words', 'details'],
]
const COLUMNS = COLUMN_NAMES.join(', ')
const EXCLUDED = COLUMN_NAMES.map((name) => `excluded.${name}`).join(', ')

function valuesOf(facts: ImageFacts): readonly SqlValue[] {
  const { createdMs, size, platforms, title, description, source, version, baseName, baseDigest } = facts
  const texts = [title, description, source, version, baseName, baseDigest, facts.configDigest, facts.firstImage, wordsOf(facts)]
  return [
    createdMs ?? null,
    size ?? null,
    platforms.length === 0 ? null : JSON.stringify(platforms),
    ...texts.map((text) => text ?? null),
    facts.config === undefined ? null : JSON.stringify(facts.config),
  ]
}

interface FactsRow {
  readonly state: number
  readonly created_ms: number | null
  readonly size: number | null
  readonly platforms: string | null
  readonly title: string | null
  readonly description: string | null
  readonly source: string | null
  readonly version: string | null
  readonly base_name: string | null
  readonly base_digest: string | null
  readonly config: Digest | null
  readonly first_image: Digest | null
  readonly details: string | null
}

function knownOf(row: FactsRow): KnownFacts {
  return {
    isRead: row.state === STATES.read,
    createdMs: row.created_ms ?? undefined,
    size: row.size ?? undefined,
    platforms: row.platforms === null ? [] : (JSON.parse(row.platforms) as string[]),
    title: row.title ?? undefined,
    description: row.description ?? undefined,
    source: row.source ?? undefined,
    version: row.version ?? undefined,
    baseName: row.base_name ?? undefined,
    baseDigest: row.base_digest ?? undefined,
    configDigest: row.config ?? undefined,
    firstImage: row.first_image ?? undefined,
    config: row.details === null ? undefined : (JSON.parse(row.details) as ImageConfig),
  }
}
