import type { AccessController } from '../../src/access/access.ts'
import { createHandler } from '../../src/http/handler.ts'
import type { Handler } from '../../src/http/pipeline.ts'
import type { RequestObserver } from '../../src/observe/exchange.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { WELL } from './probes.ts'
import type { RecordedLog } from './recorded-log.ts'

/** The protocol over a registry that a test has put together, with deletes and the usual limits. */
export function handlerOf(
  {
    blobs,
    uploads,
    manifests,
    catalog,
    search,
    images,
    shown,
    remarks,
    deployments,
    frees,
    changes,
    quotas,
    retention,
    mirrors,
    notifications,
    status,
  }: Registry,
  log: RecordedLog,
  access?: AccessController,
  observers: readonly RequestObserver[] = [],
): Handler {
  return createHandler({
    access,
    page: { signIn: { kind: 'none' } },
    blobs,
    uploads,
    manifests,
    catalog,
    search,
    images,
    shown,
    remarks,
    deployments,
    progress: status,
    frees,
    changes,
    quotas,
    retention,
    mirrors,
    pulls: retention.pulls,
    pullEvents: notifications?.pulls,
    listeners: notifications?.listeners,
    log,
    observers,
    probes: WELL,
    deletesEnabled: true,
    readOnly: false,
    prefix: '',
    host: undefined,
    headers: {},
    maxCatalogEntries: 1000,
    maxTags: 1000,
  })
}
