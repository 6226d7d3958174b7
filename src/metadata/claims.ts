import type { Actor } from '../observe/actor.ts'
import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { Tag } from '../oci/reference.ts'
import type { ContentName } from './names.ts'
import type { Query } from './query.ts'
import { EXPIRED } from './repeats/expired.ts'
import { RemovedLately } from './repeats/removed-bytes.ts'

/** Design 5b rule 2: what an operation is about to change. `alone` excludes every other operation; otherwise pushes share the name. */
export interface Claim {
  readonly name: ContentName
  readonly alone: boolean
}

export interface ClaimOwner {
  readonly operation: string
  readonly process: string
  /** What the operation does: 'manifest push'. Undefined for a claim of a version that did not say. */
  readonly action?: string | undefined
  readonly actor?: Actor | undefined
}

/** The owner of another operation's claim that excludes one of these, or undefined. Throws RemovedLately. */
export async function findExcludingClaim(
  query: Query,
  claims: readonly Claim[],
  operation: string,
): Promise<ClaimOwner | undefined> {
  const list = listed(claims)
  const row = await query.get<OwnerRow>(
    `SELECT ${OWNER} FROM json_each(?) CROSS JOIN claim ON kind = value ->> 0 AND repository = value ->> 1 AND name = value ->> 2
     WHERE operation <> ? AND (alone = 1 OR CAST(value ->> 3 AS INTEGER) = 1)
     UNION ALL SELECT '', '', NULL, NULL, NULL, NULL FROM json_each(?) CROSS JOIN removed_bytes x ON x.digest = value ->> 2
     WHERE value ->> 0 = 'blob' AND CAST(value ->> 3 AS INTEGER) = 0 AND x.number > ${EXPIRED} LIMIT 1`,
    list,
    operation,
    list,
  )
  if (row?.operation === '') throw new RemovedLately()
  return row && ownerOf(row)
}

/**
 * Why what the storage says of a name is not believed. 'claimed': an operation other than `operation` has a claim on it, and will set the row right.
 * 'changed twice': a request that a proxy delivered again may have undone what the row says, and a look at it is to come.
 */
export async function findDoubt(
  query: Query,
  name: ContentName,
  operation: string,
): Promise<'claimed' | 'changed twice' | undefined> {
  const key = keyOf(name)
  const row = await query.get<{ isClaimed: 0 | 1 }>(
    `SELECT 1 AS isClaimed FROM claim WHERE kind = ? AND repository = ? AND name = ? AND operation <> ?
     UNION ALL SELECT 0 FROM changed_twice WHERE kind = ? AND repository = ? AND name = ? ORDER BY isClaimed DESC LIMIT 1`,
    ...key,
    operation,
    ...key,
  )
  return row && (row.isClaimed === 1 ? 'claimed' : 'changed twice')
}

export interface ClaimAlone extends ClaimOwner {
  readonly kind: 'link' | 'manifest' | 'blob'
  readonly digest: Digest
}

/** The claims that are about to remove content which a manifest of this repository may name. Mostly there are none. */
export async function listClaimsAlone(query: Query, repository: RepositoryName): Promise<ClaimAlone[]> {
  const rows = await query.all<OwnerRow & Pick<ClaimAlone, 'kind' | 'digest'>>(
    `SELECT kind, name AS digest, ${OWNER} FROM claim WHERE kind = 'link' AND repository = ? AND alone = 1
     UNION ALL SELECT kind, name, ${OWNER} FROM claim WHERE kind = 'manifest' AND repository = ? AND alone = 1
     UNION ALL SELECT kind, name, ${OWNER} FROM claim WHERE kind = 'blob' AND repository = '' AND alone = 1`,
    repository,
    repository,
  )
  return rows.map((row) => ({ ...ownerOf(row), kind: row.kind, digest: row.digest }))
}

/** An operation that has any claim on the name. */
export async function findClaimOn(query: Query, name: ContentName): Promise<ClaimOwner | undefined> {
  const row = await query.get<OwnerRow>(
    `SELECT ${OWNER} FROM claim WHERE kind = ? AND repository = ? AND name = ? LIMIT 1`,
    ...keyOf(name),
  )
  return row && ownerOf(row)
}

export async function insertClaims(query: Query, claims: readonly Claim[], owner: ClaimOwner, number: number): Promise<void> {
  await query.run(
    `INSERT INTO claim (kind, repository, name, alone, operation, process, number, action, actor, address, request_id)
     SELECT value ->> 0, value ->> 1, value ->> 2, CAST(value ->> 3 AS INTEGER), ?, ?, ?, ?, ?, ?, ? FROM json_each(?) WHERE true
     ON CONFLICT (kind, repository, name, operation) DO UPDATE
     SET alone = CASE WHEN claim.alone = 1 THEN 1 ELSE excluded.alone END`,
    owner.operation,
    owner.process,
    number,
    owner.action ?? null,
    owner.actor?.name ?? null,
    owner.actor?.address ?? null,
    owner.actor?.requestId ?? null,
    listed(claims),
  )
}

/** For `json_each`: one statement, however many there are. */
function listed(claims: readonly Claim[]): string {
  return JSON.stringify(claims.map(({ name, alone }) => [...keyOf(name), alone ? 1 : 0]))
}

export async function listClaimedNames(query: Query, operation: string): Promise<ContentName[]> {
  const rows = await query.all<ClaimRow>('SELECT kind, repository, name FROM claim WHERE operation = ?', operation)
  return rows.map(nameOf)
}

/** Removes an operation's claims; false when there were none left. */
export async function deleteClaims(query: Query, operation: string): Promise<boolean> {
  return (await query.all('DELETE FROM claim WHERE operation = ? RETURNING kind', operation)).length > 0
}

/** Every operation that has claims, of any process. */
export async function listClaimOwners(query: Query): Promise<ClaimOwner[]> {
  return (await query.all<OwnerRow>(`SELECT DISTINCT ${OWNER} FROM claim`)).map(ownerOf)
}

/** Every operation that has claims on names of a repository. */
export async function listClaimOwnersIn(query: Query, repository: RepositoryName): Promise<ClaimOwner[]> {
  return (await query.all<OwnerRow>(`SELECT DISTINCT ${OWNER} FROM claim WHERE repository = ?`, repository)).map(ownerOf)
}

const OWNER = 'operation, process, action, actor, address, request_id AS requestId'

interface OwnerRow {
  readonly operation: string
  readonly process: string
  readonly action: string | null
  readonly actor: string | null
  readonly address: string | null
  readonly requestId: string | null
}

function ownerOf({ operation, process, action, actor, address, requestId }: OwnerRow): ClaimOwner {
  if (action === null) return { operation, process }
  const from = { name: actor ?? undefined, address: address ?? undefined, requestId: requestId ?? undefined }
  return { operation, process, action, actor: from }
}

interface ClaimRow {
  readonly kind: ContentName['kind']
  readonly repository: string
  readonly name: string
}

function keyOf(name: ContentName): [kind: string, repository: string, name: string] {
  switch (name.kind) {
    case 'tag':
      return [name.kind, name.repository, name.tag]
    case 'manifest':
    case 'link':
      return [name.kind, name.repository, name.digest]
    case 'repository':
      return [name.kind, name.repository, '']
    case 'blob':
      return [name.kind, '', name.digest]
  }
}

/** Rows hold what was parsed before it was written. */
function nameOf(row: ClaimRow): ContentName {
  const repository = row.repository as RepositoryName
  switch (row.kind) {
    case 'tag':
      return { kind: 'tag', repository, tag: row.name as Tag }
    case 'manifest':
    case 'link':
      return { kind: row.kind, repository, digest: row.name as Digest }
    case 'repository':
      return { kind: 'repository', repository }
    case 'blob':
      return { kind: 'blob', digest: row.name as Digest }
  }
}

/** A tag belongs to one operation at a time. */
export function tagClaims(repository: RepositoryName, tags: readonly Tag[]): readonly Claim[] {
  return tags.map((tag) => ({ name: { kind: 'tag', repository, tag }, alone: true }))
}
