import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import type { ContentName, LinkName, ManifestName, TagName } from '../names.ts'
import type { Query } from '../query.ts'
import { EXPIRED } from './expired.ts'

/** A link in the storage. */
export type LinkedName = TagName | ManifestName | LinkName

export function isLinked(name: ContentName): name is LinkedName {
  return name.kind === 'tag' || name.kind === 'link' || name.kind === 'manifest'
}

/** Some whose last change cannot be repeated any more, and that no operation has a claim on: they may be in the bucket otherwise than the rows say. */
export async function listExpired(query: Query, limit: number): Promise<LinkedName[]> {
  const rows = await query.all<NoteRow>(
    `SELECT n.kind AS kind, n.repository AS repository, n.name AS name FROM changed_twice n
     WHERE NOT EXISTS (SELECT 1 FROM claim c WHERE c.kind = n.kind AND c.repository = n.repository AND c.name = n.name)
     GROUP BY n.kind, n.repository, n.name HAVING max(n.number) <= ${EXPIRED} LIMIT ?`,
    limit,
  )
  return rows.map(nameOf)
}

/** Whether a request that came a second time may have written what the link holds; undefined: it is not there. */
export async function mayBeRepeated(query: Query, name: LinkedName, found: string | undefined): Promise<boolean> {
  const row = await query.get(
    'SELECT 1 FROM changed_twice WHERE kind = ? AND repository = ? AND name = ? AND before = ?',
    name.kind,
    name.repository,
    keyOf(name),
    found ?? '',
  )
  return row !== undefined
}

export interface Said {
  /** What the link holds; null: it is not there. */
  readonly digest: Digest | null
  /** The epoch that knows it; undefined without a row. */
  readonly epoch: number | undefined
  /** No request of its last change can come a second time. */
  readonly isExpired: boolean
}

/** What is in the storage by the rows. */
export async function findSaid(query: Query, name: LinkedName): Promise<Said> {
  const row = await query.get<{ digest: Digest | null; epoch: number; isExpired: 0 | 1 }>(
    SAID[name.kind],
    name.repository,
    keyOf(name),
  )
  return row === undefined ? { digest: null, epoch: undefined, isExpired: true } : { ...row, isExpired: row.isExpired === 1 }
}

const SAID = {
  tag: said('tag', 'name', 'x.digest'),
  link: said('link', 'digest', 'x.target'),
  manifest: said('manifest', 'digest', 'CASE WHEN x.linked = 1 THEN x.digest END'),
} as const

function said(table: string, name: string, digest: string): string {
  return `SELECT ${digest} AS digest, x.epoch AS epoch, CASE WHEN x.number <= ${EXPIRED} THEN 1 ELSE 0 END AS isExpired
    FROM repository r JOIN ${table} x ON x.repository_id = r.id WHERE r.name = ? AND x.${name} = ?`
}

/** A change has written to this link what it holds by its row, and its request may come a second time. In directories nothing is noted. */
export async function noteWritten(query: Query, name: LinkedName, digest: Digest | null, number: number): Promise<void> {
  await query.run(
    `INSERT INTO changed_twice (kind, repository, name, before, number)
     SELECT CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS INTEGER) WHERE ${EXPIRED} < CAST(? AS INTEGER)
     ON CONFLICT (kind, repository, name, before) DO UPDATE SET number = excluded.number`,
    name.kind,
    name.repository,
    keyOf(name),
    digest ?? '',
    number,
    number,
  )
}

/** The bucket says what the rows say, and nothing can come any more. */
export async function forgetChanged(query: Query, name: LinkedName): Promise<void> {
  await query.run(
    'DELETE FROM changed_twice WHERE kind = ? AND repository = ? AND name = ?',
    name.kind,
    name.repository,
    keyOf(name),
  )
}

function keyOf(name: LinkedName): string {
  return name.kind === 'tag' ? name.tag : name.digest
}

interface NoteRow {
  readonly kind: LinkedName['kind']
  readonly repository: RepositoryName
  readonly name: string
}

/** Rows hold what was parsed before it was written. */
function nameOf({ kind, repository, name }: NoteRow): LinkedName {
  return kind === 'tag' ? { kind, repository, tag: name as Tag } : { kind, repository, digest: name as Digest }
}
