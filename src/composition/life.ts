import type { AccessController } from '../access/access.ts'
import type { Administration } from '../access/administration/administration.ts'
import type { TokenIssuer } from '../access/own-tokens/token-issuer.ts'
import type { SignIn } from '../access/sessions.ts'
import type { Config } from '../config/config.ts'
import { createHandler } from '../http/handler.ts'
import type { Handler } from '../http/pipeline.ts'
import type { Log, LogOutput } from '../observe/log.ts'
import { accountTurns } from '../opening/account-turns.ts'
import type { OpenedStorage } from '../opening/opened-storage.ts'
import type { Registry } from '../registry/registry.ts'
import { createAccess } from './accounts/access-control.ts'
import { type Monitoring, startMonitoring } from './monitoring.ts'
import { type Closer, closeAll } from './only-database.ts'
import { type RegistryParts, type StartedRegistry, startRegistry } from './start-registry.ts'

export interface LifeParts extends Omit<RegistryParts, 'closers'> {
  /** One of several processes that share a port. */
  readonly isShared: boolean
  /** Where lines about requests go. */
  readonly accessOutput: LogOutput
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** A registry that serves, from the opening of its database to its end. A process has several, one after the other, where the database is elsewhere. */
export interface Life extends Pick<StartedRegistry, 'registry' | 'gate'> {
  readonly monitoring: Monitoring
  readonly handler: Handler
  /** Lets go of everything. May be repeated. */
  readonly end: () => Promise<void>
}

/** Throws what an open reports; what was opened by then is closed. */
export async function beginLife(parts: LifeParts): Promise<Life> {
  const { config, log, isShared, metrics, manifestDelay, accessOutput, environment } = parts
  const closers: Closer[] = []
  const end = () => closeAll(closers)
  try {
    const { registry, opened, storage, gate } = await startRegistry({ ...parts, closers })
    const access = await openAccess(config, opened, { isShared, log, mirrors: registry.mirrors })
    const { status, handover } = registry
    const monitoring = await startMonitoring({
      ...{ config, storage, status, handover, gate, metrics, manifestDelay, environment, log, accessOutput },
    })
    closers.push(() => monitoring.stop())
    return { registry, gate, monitoring, handler: handlerOf(config, { registry, gate, ...access, monitoring, log }), end }
  } catch (error) {
    await end()
    throw error
  }
}

interface AccessParts extends Pick<Registry, 'mirrors'> {
  readonly isShared: boolean
  readonly log: Log
}

/** The access control, the token issuer, and how people sign in. Undefined: every caller may do everything, and there are no tokens. */
async function openAccess(config: Config, storage: OpenedStorage, { mirrors, ...options }: AccessParts) {
  const { exclusively, lastChange } = accountTurns(config, storage.runDirectory)
  if (config.access === undefined) {
    const sessionTokens = async () => {
      const { createSessionTokens } = await import('../access/own-tokens/session-tokens.ts')
      return createSessionTokens({ storage: storage.objects, exclusively })
    }
    return { ...(await createAccess(config, { ...options, sessionTokens })), issuer: undefined, administration: undefined }
  }
  // With it comes a library that others do not need.
  const { createAccountsAccess } = await import('./accounts/accounts-control.ts')
  return await createAccountsAccess(config, config.access, {
    ...options,
    storage: storage.objects,
    exclusively,
    standInOf: mirrors && ((repository) => mirrors.names.inDefault(repository)),
    lastChange,
  })
}

interface Served extends Pick<StartedRegistry, 'registry' | 'gate'> {
  readonly access: AccessController | undefined
  readonly issuer: TokenIssuer | undefined
  readonly signIn: SignIn
  readonly administration: Administration | undefined
  readonly monitoring: Monitoring
  readonly log: Log
}

function handlerOf(config: Config, { registry, gate, access, issuer, signIn, administration, monitoring, log }: Served): Handler {
  const { http, storage, catalog, tags, ui } = config
  return createHandler({
    blobs: registry.blobs,
    uploads: registry.uploads,
    manifests: registry.manifests,
    frees: registry.frees,
    changes: registry.changes,
    quotas: registry.quotas,
    retention: registry.retention,
    catalog: registry.catalog,
    search: registry.search,
    images: registry.images,
    shown: registry.shown,
    remarks: registry.remarks,
    deployments: registry.deployments,
    official: config.search.official,
    pulls: registry.retention.pulls,
    pullEvents: registry.notifications?.pulls,
    listeners: registry.notifications?.listeners,
    mirrors: registry.mirrors,
    upstream: config.proxy?.url,
    handover: registry.handover,
    gate,
    access,
    issuer,
    administration,
    accountEvents: registry.notifications?.accounts,
    webhooks: registry.notifications?.webhooks,
    progress: registry.status,
    page: ui.enabled ? { signIn } : undefined,
    log,
    observers: monitoring.observers,
    probes: monitoring.probes,
    deletesEnabled: storage.deletes,
    readOnly: storage.readOnly,
    prefix: http.prefix,
    host: http.host,
    headers: http.headers,
    trustedProxies: http.trustedProxies,
    maxCatalogEntries: catalog.maxEntries,
    maxTags: tags.maxTags,
  })
}
