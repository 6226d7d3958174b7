import type { StorageDriver } from '../storage/driver.ts'

/**
 * What a process has sent to a remote storage before it died, or gave up waiting for, has arrived or never will after this long
 * (docs/orders-of-writing.md, rule 4). Looked at sooner, the storage may still change.
 */
export const LATE_REQUESTS_MS = 2_000

/** How long to let pass before the storage is looked at for an operation that will never confirm. */
export function lateRequestsMs({ capabilities }: StorageDriver): number {
  return capabilities.isRemote ? LATE_REQUESTS_MS : 0
}
