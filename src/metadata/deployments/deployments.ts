import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import type { Query } from '../query.ts'

export interface DeploymentRow {
  readonly host: string
  readonly container: string
  readonly repository: RepositoryName
  readonly tag: Tag | null
  readonly digest: Digest
  readonly state: string
  readonly sinceMs: number | null
  readonly wanted: Digest | null
  readonly problem: string | null
}

export interface DeploymentHostRow {
  readonly host: string
  /** By the wall clock; 0: not known. */
  readonly seenMs: number
  readonly reportedBy: string | null
}

const ROW = 'host, container, repository, tag, digest, state, since_ms AS sinceMs, wanted, problem'
const HOST = 'host, seen_ms AS seenMs, reported_by AS reportedBy'

export async function findDeploymentHost(query: Query, host: string): Promise<DeploymentHostRow | undefined> {
  return await query.get<DeploymentHostRow>(`SELECT ${HOST} FROM deployment_host WHERE host = ?`, host)
}

/** A slice of the hosts, by name. */
export async function listDeploymentHosts(query: Query, after: string, limit: number): Promise<DeploymentHostRow[]> {
  return await query.all<DeploymentHostRow>(
    `SELECT ${HOST} FROM deployment_host WHERE host > ? ORDER BY host LIMIT ?`,
    after,
    limit,
  )
}

export async function countDeploymentHosts(query: Query): Promise<number> {
  return (await query.get<{ count: number }>('SELECT count(*) AS count FROM deployment_host'))?.count ?? 0
}

/** What runs on a host, by container. */
export async function listDeploymentsOn(query: Query, host: string): Promise<DeploymentRow[]> {
  return await query.all<DeploymentRow>(`SELECT ${ROW} FROM deployment WHERE host = ? ORDER BY container`, host)
}

/** Where a list goes on: after this container of this host. */
export interface DeploymentPlace {
  readonly host: string
  readonly container: string
}

/** A slice of what runs anywhere, by host and container. */
export async function listDeployments(query: Query, after: DeploymentPlace, limit: number): Promise<DeploymentRow[]> {
  return await query.all<DeploymentRow>(
    `SELECT ${ROW} FROM deployment WHERE host >= ? AND (host > ? OR container > ?) ORDER BY host, container LIMIT ?`,
    after.host,
    after.host,
    after.container,
    limit,
  )
}

/** The same of one repository. */
export async function listDeploymentsOf(
  query: Query,
  repository: RepositoryName,
  after: DeploymentPlace,
  limit: number,
): Promise<DeploymentRow[]> {
  return await query.all<DeploymentRow>(
    `SELECT ${ROW} FROM deployment WHERE repository = ? AND host >= ? AND (host > ? OR container > ?)
     ORDER BY host, container LIMIT ?`,
    repository,
    after.host,
    after.host,
    after.container,
    limit,
  )
}

/** A report takes the place of the one before. */
export async function putDeployments(
  query: Query,
  { host, seenMs, reportedBy }: DeploymentHostRow,
  rows: readonly DeploymentRow[],
): Promise<void> {
  await sawDeploymentHost(query, { host, seenMs, reportedBy })
  await query.run('DELETE FROM deployment WHERE host = ?', host)
  await query.run(
    `INSERT INTO deployment (host, container, repository, tag, digest, state, since_ms, wanted, problem)
     SELECT ?, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, CAST(value ->> 5 AS INTEGER), value ->> 6, value ->> 7
     FROM json_each(?)`,
    host,
    JSON.stringify(
      rows.map(({ container, repository, tag, digest, state, sinceMs, wanted, problem }) => {
        return [container, repository, tag, digest, state, sinceMs, wanted, problem]
      }),
    ),
  )
}

/** It reported, and what runs there is as before. */
export async function sawDeploymentHost(query: Query, { host, seenMs, reportedBy }: DeploymentHostRow): Promise<void> {
  await query.run(
    `INSERT INTO deployment_host (host, seen_ms, reported_by) VALUES (?, ?, ?)
     ON CONFLICT (host) DO UPDATE SET seen_ms = excluded.seen_ms, reported_by = excluded.reported_by`,
    host,
    seenMs,
    reportedBy,
  )
}

export async function deleteDeploymentHost(query: Query, host: string): Promise<void> {
  await query.run('DELETE FROM deployment WHERE host = ?', host)
  await query.run('DELETE FROM deployment_host WHERE host = ?', host)
}

/** Of all hosts the one that was seen longest ago, and the one that was seen last; undefined where there is none. */
export async function findSeenSpan(
  query: Query,
): Promise<
  { readonly firstHost: string; readonly firstMs: number; readonly lastHost: string; readonly lastMs: number } | undefined
> {
  const first = await query.get<DeploymentHostRow>(`SELECT ${HOST} FROM deployment_host ORDER BY seen_ms, host LIMIT 1`)
  const last = await query.get<DeploymentHostRow>(`SELECT ${HOST} FROM deployment_host ORDER BY seen_ms DESC, host LIMIT 1`)
  if (first === undefined || last === undefined) return undefined
  return { firstHost: first.host, firstMs: first.seenMs, lastHost: last.host, lastMs: last.seenMs }
}

export interface ManifestOf {
  readonly repositoryId: number
  readonly digest: Digest
}

/** Those of the manifests that run somewhere, or of whose images one does, each with a host. In whatever repository the host found it. */
export async function listRunning(
  query: Query,
  manifests: readonly ManifestOf[],
): Promise<(ManifestOf & { readonly host: string })[]> {
  return await query.all<ManifestOf & { readonly host: string }>(
    `WITH RECURSIVE below (repository_id, top, digest) AS (
       SELECT CAST(value ->> 0 AS INTEGER), value ->> 1, value ->> 1 FROM json_each(?)
       UNION SELECT b.repository_id, b.top, f.target FROM below b
         CROSS JOIN reference f ON f.repository_id = b.repository_id AND f.manifest = b.digest AND f.role = 'child')
     SELECT b.repository_id AS repositoryId, b.top AS digest, min(d.host) AS host
     FROM below b CROSS JOIN deployment d ON d.digest = b.digest GROUP BY b.repository_id, b.top`,
    JSON.stringify(manifests.map(({ repositoryId, digest }) => [repositoryId, digest])),
  )
}
