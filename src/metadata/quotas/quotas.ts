import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Query } from '../query.ts'
import { COUNTED_ALL, createTriggers, dropTriggers } from './tables.ts'

/** A property: the names and patterns of the quotas by which the tables count, as a text. */
const RULES = 'quota-rules'
/** A property: repositories up to this row have been given to their quotas. */
const SEEN_TO = 'quota-seen-to'

/** How full a quota is, for a push that is about to add content. */
export interface QuotaUse {
  readonly name: string
  /** Bytes. */
  readonly used: number
  /** 1: the quota counts the content already. */
  readonly holds: 0 | 1
  /** 1: the log has the warning that it is nearly full. */
  readonly warned: 0 | 1
  /** Repositories up to this row have been given to their quotas. */
  readonly seenTo: number
}

/** The use of each of these quotas. */
export async function findUses(query: Query, names: readonly string[], digest: Digest | undefined): Promise<QuotaUse[]> {
  return await query.all<QuotaUse>(
    `SELECT n.value AS name, coalesce(q.used, 0) AS used, coalesce(q.warned, 0) AS warned,
       EXISTS (SELECT 1 FROM quota_content c WHERE c.digest = CAST(? AS TEXT) AND c.quota_id = q.id) AS holds,
       coalesce((SELECT CAST(value AS INTEGER) FROM property WHERE name = '${SEEN_TO}'), 0) AS seenTo
     FROM json_each(?) n LEFT JOIN quota q ON q.name = n.value`,
    digest ?? '',
    JSON.stringify(names),
  )
}

/** Repositories up to this row have been given to their quotas. */
export async function countedTo(query: Query): Promise<number> {
  return Number((await readText(query, SEEN_TO)) ?? 0)
}

export interface ListedQuota {
  readonly name: string
  readonly used: number
}

/** All that count anything, the fullest by bytes first. */
export async function listQuotas(query: Query, limit: number): Promise<ListedQuota[]> {
  return await query.all<ListedQuota>('SELECT name, used FROM quota ORDER BY used DESC, name LIMIT ?', limit)
}

/** Notes whether the warning of a quota has been told; false when it was noted so already. */
export async function setWarned(query: Query, name: string, warned: 0 | 1): Promise<boolean> {
  return (
    (await query.get('UPDATE quota SET warned = ? WHERE name = ? AND warned <> ? RETURNING id', warned, name, warned)) !==
    undefined
  )
}

async function readText(query: Query, name: string): Promise<string | undefined> {
  return (await query.get<{ value: string }>('SELECT value FROM property WHERE name = ?', name))?.value
}

async function writeText(query: Query, name: string, value: string): Promise<void> {
  await query.run(
    'INSERT INTO property (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
    name,
    value,
  )
}

/** One transaction forgets no more rows. */
const FORGOTTEN_AT_ONCE = 1_000

/**
 * Forgets some of what was counted by other rules, and begins to count by these when nothing is left of it. False when the tables count by these rules.
 */
export async function beginRules(query: Query, rules: string): Promise<boolean> {
  if (await countsBy(query, rules)) return false
  // Members first: without them triggers add nothing.
  if (await forgetSome(query, 'quota_member', 'repository_id, quota_id')) return true
  await query.run('DELETE FROM quota')
  if (await forgetSome(query, 'quota_content', 'digest, quota_id')) return true
  await createTriggers(query)
  await writeText(query, SEEN_TO, '0')
  await writeText(query, RULES, rules)
  return false
}

/** Ends counting where there are no quotas any more: a push pays nothing for them. What was counted is forgotten when there are others. */
export async function endRules(query: Query): Promise<void> {
  if (await countsBy(query, '')) return
  await dropTriggers(query)
  await writeText(query, RULES, '')
}

async function forgetSome(query: Query, table: 'quota_member' | 'quota_content', key: string): Promise<boolean> {
  const gone = await query.all(
    `DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} LIMIT ${FORGOTTEN_AT_ONCE}) RETURNING quota_id`,
  )
  return gone.length > 0
}

/** Whether the tables count by these rules. */
export async function countsBy(query: Query, rules: string): Promise<boolean> {
  return ((await readText(query, RULES)) ?? '') === rules
}

/** One transaction gives no more repositories to their quotas. */
const REPOSITORIES_AT_ONCE = 200
/** One statement counts no more links or manifests. */
const CONTENT_AT_ONCE = 200

/** Gives repositories that have not been looked at to their quotas; false when there are no more. */
export async function addMembers(query: Query, quotasOf: (repository: RepositoryName) => readonly string[]): Promise<boolean> {
  const rows = await query.all<{ id: number; name: RepositoryName }>(
    `SELECT id, name FROM repository WHERE id > (SELECT CAST(value AS INTEGER) FROM property WHERE name = ?) ORDER BY id LIMIT ${REPOSITORIES_AT_ONCE}`,
    SEEN_TO,
  )
  const members = rows.flatMap(({ id, name }) => quotasOf(name).map((quota) => [id, quota] as const))
  const last = rows.at(-1)
  if (last === undefined) return false
  if (members.length > 0) await insertMembers(query, JSON.stringify(members))
  await writeText(query, SEEN_TO, String(last.id))
  return rows.length === REPOSITORIES_AT_ONCE
}

async function insertMembers(query: Query, members: string): Promise<void> {
  await query.run(
    'INSERT INTO quota (name) SELECT DISTINCT value ->> 1 FROM json_each(?) WHERE true ON CONFLICT DO NOTHING',
    members,
  )
  // What is new has nothing that would have to be counted: a push to it counts at once.
  await query.run(
    `INSERT INTO quota_member (repository_id, quota_id, links_to, manifests_to)
     SELECT CAST(value ->> 0 AS INTEGER), q.id,
       CASE WHEN EXISTS (SELECT 1 FROM link WHERE repository_id = CAST(value ->> 0 AS INTEGER)) THEN '' ELSE '~' END,
       CASE WHEN EXISTS (SELECT 1 FROM manifest WHERE repository_id = CAST(value ->> 0 AS INTEGER)) THEN '' ELSE '~' END
     FROM json_each(?) CROSS JOIN quota q ON q.name = value ->> 1 WHERE true ON CONFLICT DO NOTHING`,
    members,
  )
}

interface Uncounted {
  readonly repositoryId: number
  readonly quotaId: number
  readonly linksTo: string
  readonly manifestsTo: string
}

/** Counts some content of a repository that was there before its quota; false when all is counted. */
export async function countSome(query: Query): Promise<boolean> {
  const member = await query.get<Uncounted>(
    `SELECT repository_id AS repositoryId, quota_id AS quotaId, links_to AS linksTo, manifests_to AS manifestsTo
     FROM quota_member WHERE links_to <> '~' OR manifests_to <> '~' ORDER BY repository_id, quota_id LIMIT 1`,
  )
  if (member === undefined) return false
  if (member.linksTo !== COUNTED_ALL) await countSlice(query, LINKS, member, member.linksTo)
  else await countSlice(query, MANIFESTS, member, member.manifestsTo)
  return true
}

interface Sliced {
  readonly table: 'link' | 'manifest'
  readonly bytesOf: string
  readonly isThere: string
  readonly upTo: string
}

const LINKS: Sliced = { table: 'link', bytesOf: 'target', isThere: 'target IS NOT NULL', upTo: 'links_to' }
const MANIFESTS: Sliced = { table: 'manifest', bytesOf: 'digest', isThere: 'linked = 1', upTo: 'manifests_to' }

/** The triggers count what changes up to the end of the slice from now on, and this statement what is there. */
async function countSlice(
  query: Query,
  { table, bytesOf, isThere, upTo }: Sliced,
  member: Uncounted,
  from: string,
): Promise<void> {
  const { repositoryId, quotaId } = member
  const end = await query.get<{ digest: string }>(
    `SELECT digest FROM ${table} WHERE repository_id = ? AND digest > ? ORDER BY digest LIMIT 1 OFFSET ${CONTENT_AT_ONCE - 1}`,
    repositoryId,
    from,
  )
  const to = end?.digest ?? COUNTED_ALL
  await query.run(
    `INSERT INTO quota_content (digest, quota_id, holders, bytes)
     SELECT s.${bytesOf}, ?, count(*), coalesce((SELECT size FROM blob WHERE digest = s.${bytesOf}), 0)
     FROM ${table} s WHERE s.repository_id = ? AND s.digest > ? AND s.digest <= ? AND s.${isThere} GROUP BY s.${bytesOf}
     ON CONFLICT (digest, quota_id) DO UPDATE SET holders = quota_content.holders + excluded.holders`,
    quotaId,
    repositoryId,
    from,
    to,
  )
  await query.run(`UPDATE quota_member SET ${upTo} = ? WHERE repository_id = ? AND quota_id = ?`, to, repositoryId, quotaId)
}

/** True when every repository is with its quotas, and all that it holds is counted. */
export async function isAllCounted(query: Query): Promise<boolean> {
  const left = await query.get(
    `SELECT 1 FROM repository WHERE id > (SELECT CAST(value AS INTEGER) FROM property WHERE name = ?)
     UNION ALL SELECT 1 FROM quota_member WHERE links_to <> '~' OR manifests_to <> '~' LIMIT 1`,
    SEEN_TO,
  )
  return left === undefined
}

export interface CheckedQuota {
  readonly name: string
  /** What is kept. */
  readonly used: number
  /** What the rows of its repositories come to, counted anew. */
  readonly recounted: number
}

/** Counts each quota anew from the links and manifests of its repositories: for a command, it reads all of them in one statement. */
export async function recountQuotas(query: Query): Promise<CheckedQuota[]> {
  return await query.all<CheckedQuota>(
    `SELECT q.name AS name, q.used AS used, (SELECT CAST(coalesce(sum(b.size), 0) AS INTEGER) FROM blob b WHERE b.digest IN (
         SELECT l.target FROM quota_member m JOIN link l ON l.repository_id = m.repository_id AND l.digest <= m.links_to
         WHERE m.quota_id = q.id AND l.target IS NOT NULL
         UNION SELECT x.digest FROM quota_member m JOIN manifest x ON x.repository_id = m.repository_id AND x.digest <= m.manifests_to
         WHERE m.quota_id = q.id AND x.linked = 1)) AS recounted
     FROM quota q ORDER BY q.name`,
  )
}
