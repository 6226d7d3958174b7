import type { DeploymentRow } from '../../metadata/deployments/deployments.ts'
import { findDigest } from '../../oci/digest.ts'
import { findRepositoryName } from '../../oci/name.ts'
import { findTag } from '../../oci/reference.ts'

/** What the last report of a host said, as its file in the storage has it. */
export interface DeploymentRecord {
  readonly host: string
  readonly seenMs: number
  readonly reportedBy: string | null
  readonly rows: readonly DeploymentRow[]
}

/** What hosts may be called: such a name is one of a file too. */
export const HOST = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

export function bytesOfDeployments({ host, seenMs, reportedBy, rows }: DeploymentRecord): Uint8Array {
  const containers = rows.map(({ host: _, ...row }) => row)
  const fields = { version: 1, host, at: new Date(seenMs).toISOString(), reportedBy, containers }
  return new TextEncoder().encode(`${JSON.stringify(fields)}\n`)
}

/** Undefined where it is none, or one of which a part is missing: what runs on the host is then not known. */
export function findDeployments(host: string, bytes: Uint8Array): DeploymentRecord | undefined {
  const fields = objectIn(bytes)
  const seenMs = Date.parse(String(fields?.at))
  if (fields === undefined || fields.host !== host || Number.isNaN(seenMs) || !Array.isArray(fields.containers)) return undefined
  const rows = fields.containers.map((container: unknown) => rowOf(host, container))
  const known = rows.filter((row) => row !== undefined)
  if (known.length < rows.length) return undefined
  return { host, seenMs, reportedBy: textOf(fields.reportedBy), rows: known }
}

function rowOf(host: string, value: unknown): DeploymentRow | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const fields: Readonly<Record<string, unknown>> = { ...value }
  const [container, state] = [textOf(fields.container), textOf(fields.state)]
  const [repository, digest] = [findRepositoryName(String(fields.repository)), findDigest(String(fields.digest))]
  if (container === null || state === null || repository === undefined || digest === undefined) return undefined
  return {
    ...{ host, container, repository, digest, state },
    tag: findTag(String(fields.tag ?? '')) ?? null,
    sinceMs: typeof fields.sinceMs === 'number' ? fields.sinceMs : null,
    wanted: findDigest(String(fields.wanted)) ?? null,
    problem: textOf(fields.problem),
  }
}

function objectIn(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
