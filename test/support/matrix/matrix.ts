import type { AccessLab, CallerName } from './access-lab.ts'

export const OPERATIONS = ['pull', 'push', 'mount', 'delete', 'catalog', 'tags', 'referrers'] as const
export type Operation = (typeof OPERATIONS)[number]

/**
 * What became of an operation: `done`, or how it was refused, or for the catalog the repositories that it shows. A mount from a
 * private repository is `uploaded` where the client had to send the bytes after all.
 */
export type Result = 'done' | 'uploaded' | 'mounted' | 'must log in' | 'denied' | 'unknown' | readonly string[]

/** One client, with those of the operations that it has at all. */
export interface MatrixClient {
  readonly name: string
  readonly can: Readonly<Partial<Record<Operation, (caller: CallerName) => Promise<Result>>>>
}

/** What a client's program said when it failed. Throws for a failure that has nothing to do with access. */
export function refusalIn(printed: string): Result {
  if (/denied|403 \(Forbidden\)/i.test(printed)) return 'denied'
  if (/unauthorized|authentication required|incorrect username|invalid username/i.test(printed)) return 'must log in'
  if (/manifest unknown|not found|name unknown|no such repository/i.test(printed)) return 'unknown'
  throw new Error(`the client failed for another reason: ${printed}`)
}

/** Where one caller pushes with one client. */
export function ownRepository(client: string, operation: Operation, caller: CallerName): string {
  return `team/${operation}-${client}-${caller}`.replaceAll(' ', '-').toLowerCase()
}

/** A repository in which everything is ready to be deleted. */
export async function repositoryToDelete(lab: AccessLab, client: string, caller: CallerName): Promise<string> {
  const repository = ownRepository(client, 'delete', caller)
  await lab.pushImage(repository, 'v1', lab.image)
  return repository
}

/**
 * What became of a mount after the client has pushed, by the log from a byte on: it has asked for the mount, or looked for the blob in
 * the private repository, which skopeo and podman do first; and neither may have told it anything.
 */
export async function mountResult(lab: AccessLab, from: string, logFrom: number): Promise<Result> {
  const asked = new RegExp(`"(POST /v2/\\S+/blobs/uploads/\\?\\S*from=${encodeURIComponent(from)}|HEAD /v2/${from}/blobs/)`)
  const lines = await lab.logged(asked, logFrom)
  return lines.every((line) => / (202|404|401) /.test(line)) ? 'uploaded' : 'mounted'
}
