import { resolve } from 'node:path'
import { tlsConfig } from './build-tls.ts'
import type {
  AccessConfig,
  AuthConfig,
  CollectorConfig,
  Config,
  HealthConfig,
  HttpConfig,
  ManifestRules,
  QuotaConfig,
  Repetition,
  StorageConfig,
  TokenConfig,
} from './config.ts'
import { SIGNING_ALGORITHMS } from './schema/auth-schema.ts'
import { postgresConfig } from './schema/metadata/postgres-schema.ts'
import { notificationsConfig } from './schema/notification-schema.ts'
import { retentionConfig } from './schema/retention-schema.ts'
import { s3Config } from './schema/s3-schema.ts'
import type { ParsedConfig } from './schema/schema.ts'
import { mirrorConfigs, proxyConfig } from './schema/upstream/upstream-config.ts'
import { PRIVATE_RANGES } from './words/address-range.ts'

const DEFAULT_MAX_ENTRIES = 1000
const DEFAULT_INTERVAL_MS = 10_000

/** What the file says, in the program's words. */
export function buildConfig(parsed: ParsedConfig): Config {
  const { log, metadata, catalog, tags } = parsed
  return {
    log: {
      level: log.level,
      formatter: log.formatter,
      fields: log.fields,
      accessLog: !log.accesslog.disabled,
      file: absolute(log.file),
      accessFile: absolute(log.accesslog.file),
      reportCaller: log.reportcaller,
    },
    storage: storageConfig(parsed.storage),
    metadata: { path: absolute(metadata.path), postgres: metadata.postgres && postgresConfig(metadata.postgres) },
    http: httpConfig(parsed),
    auth: authConfig(parsed.auth),
    health: healthConfig(parsed.health),
    // registry:2 and registry:3 take 0 and less for 'not set'.
    catalog: { maxEntries: catalog.maxentries > 0 ? catalog.maxentries : DEFAULT_MAX_ENTRIES },
    search: parsed.search,
    ui: parsed.ui,
    tags: { maxTags: tags.maxtags > 0 ? tags.maxtags : DEFAULT_MAX_ENTRIES },
    manifests: manifestRules(parsed),
    quotas: quotaConfigs(parsed),
    notifications: notificationsConfig(parsed),
    access: accessConfig(parsed),
    proxy: proxyConfig(parsed.proxy),
    mirrors: mirrorConfigs(parsed.mirrors),
    retention: retentionConfig(parsed.retention),
  }
}

function absolute(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(path)
}

function storageConfig(storage: ParsedConfig['storage']): StorageConfig {
  const { delete: deletes, maintenance } = storage
  const { enabled, age, interval, dryrun } = maintenance.uploadpurging
  return {
    driver: driverConfig(storage),
    deletes: deletes.enabled,
    readOnly: maintenance.readonly.enabled,
    uploadPurging: { enabled, ageMs: age, intervalMs: interval, dryRun: dryrun },
    collector: collectorConfig(maintenance),
    scrub: { enabled: maintenance.scrub.enabled, bytesPerSecond: maintenance.scrub.rate },
    readsLayers: maintenance.layers.enabled,
  }
}

function collectorConfig({ collector }: ParsedConfig['storage']['maintenance']): CollectorConfig {
  const { enabled, grace, found, window, interval, rate, brake, dryrun } = collector
  return { enabled, graceMs: grace, foundMs: found, windowMs: window, intervalMs: interval, rate, brake, dryRun: dryrun }
}

function driverConfig({ filesystem, s3, s3aws, redirect }: ParsedConfig['storage']): StorageConfig['driver'] {
  if (filesystem !== undefined) return { kind: 'filesystem', rootDirectory: resolve(filesystem.rootdirectory) }
  const bucket = s3 ?? s3aws
  if (bucket === undefined) return { kind: 'inmemory' }
  // Off by default: behind many proxies and firewalls clients do not reach the store.
  return s3Config(bucket, { redirects: redirect.disable === false })
}

function httpConfig(parsed: ParsedConfig): HttpConfig {
  const { http, storage } = parsed
  return {
    listen: http.addr,
    host: http.host,
    prefix: http.prefix,
    secret: http.secret,
    headers: http.headers,
    trustedProxies:
      http.trustedproxies.length === 0
        ? { ranges: PRIVATE_RANGES, areNamed: false }
        : { ranges: http.trustedproxies.filter((range) => range !== 'none'), areNamed: true },
    drainTimeoutMs: http.draintimeout,
    idle: { readerMs: http.idle.reader || Number.POSITIVE_INFINITY, writerMs: http.idle.writer || Number.POSITIVE_INFINITY },
    connections: { total: http.connections.total, perAddress: http.connections.peraddress || Number.POSITIVE_INFINITY },
    // Memory is not shared between processes.
    processes: storage.inmemory === undefined ? http.processes : 1,
    tls: tlsConfig(parsed),
    debug: { listen: http.debug.addr, prometheus: http.debug.prometheus },
  }
}

function authConfig({ htpasswd, silly, token }: ParsedConfig['auth']): AuthConfig {
  if (htpasswd !== undefined) return { kind: 'htpasswd', realm: htpasswd.realm, path: resolve(htpasswd.path) }
  if (token !== undefined) return tokenConfig(token)
  if (silly !== undefined) return { kind: 'silly', ...silly }
  return { kind: 'none' }
}

function tokenConfig(token: NonNullable<ParsedConfig['auth']['token']>): TokenConfig {
  const { realm, service, issuer, rootcertbundle, jwks, signingalgorithms, autoredirect, autoredirectpath } = token
  return {
    kind: 'token',
    ...{ realm, service, issuer },
    rootCertBundle: absolute(rootcertbundle),
    jwks: absolute(jwks),
    signingAlgorithms: signingalgorithms.length === 0 ? SIGNING_ALGORITHMS : signingalgorithms,
    autoRedirectPath: autoredirect ? autoredirectpath : undefined,
  }
}

function healthConfig({ storagedriver, file, http, tcp }: ParsedConfig['health']): HealthConfig {
  return {
    storageDriver: { enabled: storagedriver.enabled, ...repetition(storagedriver) },
    file: file.map((check) => ({ file: check.file, ...repetition(check) })),
    http: http.map((check) => ({
      uri: check.uri,
      headers: check.headers,
      statusCode: check.statuscode || 200,
      timeoutMs: check.timeout,
      ...repetition(check),
    })),
    tcp: tcp.map((check) => ({ addr: check.addr, timeoutMs: check.timeout, ...repetition(check) })),
  }
}

/** registry:2 takes 0 for 'not set'. */
function repetition({ interval, threshold }: { readonly interval: number; readonly threshold: number }): Repetition {
  return { intervalMs: interval || DEFAULT_INTERVAL_MS, threshold: threshold || 1 }
}

function manifestRules({ validation, policy }: ParsedConfig): ManifestRules {
  const { urls, indexes } = validation.manifests
  const isValidated = validation.enabled === true || !validation.disabled
  return {
    urls: isValidated ? { allow: urls.allow, deny: urls.deny } : { allow: [], deny: [] },
    requiredPlatforms: isValidated ? requiredPlatforms(indexes) : 'all',
    classes: policy.repository.classes,
  }
}

/** An empty list requires every platform, as in registry:3. */
function requiredPlatforms({
  platforms,
  platformlist,
}: ParsedConfig['validation']['manifests']['indexes']): ManifestRules['requiredPlatforms'] {
  if (platforms !== 'list') return platforms
  return platformlist.length === 0 ? 'all' : platformlist
}

function accessConfig({ access }: ParsedConfig): AccessConfig | undefined {
  if (access === undefined) return undefined
  const { rules, admins, service, realm, tokenlifetime, refreshlifetime } = access
  return { rules, admins, service, realm, tokenLifetimeMs: tokenlifetime, refreshLifetimeMs: refreshlifetime }
}

function quotaConfigs({ quotas }: ParsedConfig): readonly QuotaConfig[] {
  return quotas.map(({ name, repositories, except, each, limit, warn }) => {
    return { name, repositories, except, isEach: each, limitBytes: limit, warnBytes: warn }
  })
}
