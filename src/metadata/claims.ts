import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { Tag } from '../oci/reference.ts'
import type { ContentName } from './names.ts'
import type { Query } from './query.ts'

/** Design 5b rule 2: what an operation is about to change. `alone` excludes every other operation; otherwise pushes share the name. */
export interface Claim {
  readonly name: ContentName
  readonly alone: boolean
}

export interface ClaimOwner {
  readonly operation: string
  readonly process: string
}

/** The owner of another operation's claim that excludes this one, or undefined. */
export async function findExcludingClaim(query: Query, claim: Claim, operation: string): Promise<ClaimOwner | undefined> {
  const [kind, repository, name] = keyOf(claim.name)
  return await query.get<ClaimOwner>(
    `SELECT operation, process FROM claim
     WHERE kind = ? AND repository = ? AND name = ? AND operation <> ? AND (alone = 1 OR ? = 1) LIMIT 1`,
    kind,
    repository,
    name,
    operation,
    claim.alone ? 1 : 0,
  )
}

/** True when an operation other than `operation` has any claim on the name: it will set the row right. */
export async function isClaimed(query: Query, name: ContentName, operation: string): Promise<boolean> {
  const row = await query.get(
    'SELECT 1 FROM claim WHERE kind = ? AND repository = ? AND name = ? AND operation <> ? LIMIT 1',
    ...keyOf(name),
    operation,
  )
  return row !== undefined
}

export interface ClaimAlone extends ClaimOwner {
  readonly kind: 'link' | 'manifest' | 'blob'
  readonly digest: Digest
}

/** The claims that are about to remove content which a manifest of this repository may name. Mostly there are none. */
export async function listClaimsAlone(query: Query, repository: RepositoryName): Promise<ClaimAlone[]> {
  return await query.all<ClaimAlone>(
    `SELECT kind, name AS digest, operation, process FROM claim WHERE kind = 'link' AND repository = ? AND alone = 1
     UNION ALL SELECT kind, name, operation, process FROM claim WHERE kind = 'manifest' AND repository = ? AND alone = 1
     UNION ALL SELECT kind, name, operation, process FROM claim WHERE kind = 'blob' AND repository = '' AND alone = 1`,
    repository,
    repository,
  )
}

/** An operation that has any claim on the name. */
export async function findClaimOn(query: Query, name: ContentName): Promise<ClaimOwner | undefined> {
  return await query.get<ClaimOwner>(
    'SELECT operation, process FROM claim WHERE kind = ? AND repository = ? AND name = ? LIMIT 1',
    ...keyOf(name),
  )
}

export async function insertClaim(query: Query, claim: Claim, owner: ClaimOwner, number: number): Promise<void> {
  const alone = claim.alone ? 1 : 0
  await query.run(
    `INSERT INTO claim (kind, repository, name, operation, alone, process, number) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (kind, repository, name, operation) DO UPDATE
     SET alone = CASE WHEN claim.alone = 1 THEN 1 ELSE excluded.alone END`,
    ...keyOf(claim.name),
    owner.operation,
    alone,
    owner.process,
    number,
  )
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
  return await query.all<ClaimOwner>('SELECT DISTINCT operation, process FROM claim')
}

/** Every operation that has claims on names of a repository. */
export async function listClaimOwnersIn(query: Query, repository: RepositoryName): Promise<ClaimOwner[]> {
  return await query.all<ClaimOwner>('SELECT DISTINCT operation, process FROM claim WHERE repository = ?', repository)
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
    case 'blob':
      return { kind: 'blob', digest: row.name as Digest }
  }
}
