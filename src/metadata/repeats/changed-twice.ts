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

/** Noted links that the bucket may hold otherwise than the rows say. Each can be compared now: the store refuses all requests of its changes, and no operation claims it. */
export async function listExpired(query: Query, limit: number): Promise<LinkedName[]> {
  const rows = await query.all<NoteRow>(
    `SELECT n.kind AS kind, n.repository AS repository, n.name AS name FROM changed_twice n
     WHERE n.number <= ${EXPIRED}
       AND NOT EXISTS (SELECT 1 FROM claim c WHERE c.kind = n.kind AND c.repository = n.repository AND c.name = n.name)
     ORDER BY n.number LIMIT ?`,
    limit,
  )
  return rows.map(nameOf)
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

/** A change of these links has ended, and requests of it may come a second time. In directories nothing is noted. */
export async function noteChanged(query: Query, names: readonly LinkedName[], number: number): Promise<void> {
  await query.run(
    `INSERT INTO changed_twice (kind, repository, name, number)
     SELECT value ->> 0, value ->> 1, value ->> 2, CAST(? AS INTEGER) FROM json_each(?)
     WHERE ${EXPIRED} < CAST(? AS INTEGER)
     ON CONFLICT (kind, repository, name) DO UPDATE SET number = excluded.number`,
    number,
    JSON.stringify(names.map((name) => [name.kind, name.repository, keyOf(name)])),
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
function nameOf({ kind, repository, name }: Omit<NoteRow, 'atMs'>): LinkedName {
  return kind === 'tag' ? { kind, repository, tag: name as Tag } : { kind, repository, digest: name as Digest }
}
