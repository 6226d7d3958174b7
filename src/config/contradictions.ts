import { findTlsContradictions } from './build-tls.ts'
import type { ConfigProblem } from './config-error.ts'
import { describePlace, locate } from './report.ts'
import { AUTH_KINDS } from './schema/auth-schema.ts'
import { collectorProblems } from './schema/collector-schema.ts'
import { postgresProblems } from './schema/metadata/postgres-schema.ts'
import { notificationProblems } from './schema/notification-schema.ts'
import { quotaProblems } from './schema/quota-schema.ts'
import { retentionProblems } from './schema/retention-schema.ts'
import { contradictionsIn } from './schema/s3-schema.ts'
import type { ParsedConfig } from './schema/schema.ts'
import { STORAGE_DRIVERS } from './schema/storage-schema.ts'
import { mirrorProblems } from './schema/upstream/mirror-schema.ts'
import { driversIn, type Settings } from './settings.ts'
import type { ListenAddress } from './words/listen-address.ts'

/** What each key allows and the keys together do not. */
export function findContradictions(parsed: ParsedConfig, settings: Settings): ConfigProblem[] {
  const { storage, http, auth, access } = parsed
  const problems = [
    ...driverProblems(storage, settings),
    ...collectorProblems(storage.maintenance.collector, {
      redirects: (storage.s3 ?? storage.s3aws) !== undefined && storage.redirect.disable === false,
    }),
    ...authProblems(auth, settings),
    ...accessProblems(auth, access),
    ...mirrorProblems(parsed.mirrors, {
      isOpen: access === undefined && AUTH_KINDS.every((kind) => auth[kind] === undefined),
      isCache: parsed.proxy.remoteurl !== undefined,
    }),
    ...postgresProblems(parsed.metadata.postgres, {
      path: parsed.metadata.path,
      isBucket: (storage.s3 ?? storage.s3aws) !== undefined,
    }),
    ...quotaProblems(parsed.quotas),
    ...notificationProblems(parsed),
    ...retentionProblems(parsed.retention, {
      graceMs: storage.maintenance.collector.grace,
      isCache: parsed.proxy.remoteurl !== undefined,
    }),
    ...(['s3', 's3aws'] as const).flatMap((name) => {
      const section = storage[name]
      return section === undefined ? [] : contradictionsIn(section, `storage.${name}`)
    }),
    ...addressProblems(http),
    ...findTlsContradictions(parsed),
  ]
  return problems.map((problem) => (problem.path === undefined ? problem : locate(problem, settings)))
}

function driverProblems(storage: ParsedConfig['storage'], settings: Settings): ConfigProblem[] {
  const drivers = driversIn(storage)
  if (drivers.length === 1) return []
  if (drivers.length === 0)
    return [{ path: 'storage', message: `names no driver; write one of ${STORAGE_DRIVERS.join(', ')} below it` }]
  const fromVariables = drivers.find((driver) => settings.origins.get(`storage.${driver}`)?.line === undefined)
  const advice = fromVariables === undefined ? '' : `, or set REGISTRY_STORAGE=${fromVariables} beside the other variables`
  return [named('storage', drivers, settings, `leave one of them${advice}`)]
}

function authProblems(auth: ParsedConfig['auth'], settings: Settings): ConfigProblem[] {
  const kinds = AUTH_KINDS.filter((kind) => auth[kind] !== undefined)
  const isKeyless = auth.token !== undefined && auth.token.rootcertbundle === undefined && auth.token.jwks === undefined
  return [
    ...(kinds.length > 1 ? [named('auth', kinds, settings, 'leave one of them')] : []),
    ...(isKeyless ? [{ path: 'auth.token', message: 'names no key that signs tokens; set rootcertbundle or jwks' }] : []),
  ]
}

/** The names of sections that exclude each other, each with the place it came from. */
function named(section: string, names: readonly string[], { origins }: Settings, advice: string): ConfigProblem {
  const placed = names.map((name) => {
    const place = describePlace(origins, [section, name])
    return place === undefined ? name : `${name} (${place})`
  })
  return { message: `${section} names ${placed.join(' and ')}; ${advice}` }
}

/** Docker takes a token for a minute when nothing else is said, and so must be able to use it for that long. */
const SHORTEST_TOKEN_MS = 60_000

function accessProblems(auth: ParsedConfig['auth'], access: ParsedConfig['access']): ConfigProblem[] {
  if (access === undefined) return []
  const other = AUTH_KINDS.find((kind) => kind !== 'htpasswd' && auth[kind] !== undefined)
  const empty = access.rules.flatMap((rule, index) =>
    (['who', 'repositories'] as const)
      .filter((name) => rule[name].length === 0)
      .map((name) => ({ path: `access.rules.${index}.${name}`, message: 'names nothing, so the rule could never apply' })),
  )
  return [
    ...(other === undefined
      ? []
      : [{ path: 'access', message: `and auth.${other} would both say who may do what; leave one of them` }]),
    ...empty,
    ...(access.tokenlifetime < SHORTEST_TOKEN_MS
      ? [{ path: 'access.tokenlifetime', message: 'is too short; write 1m or more' }]
      : []),
  ]
}

function addressProblems({ addr, net, debug, tls }: ParsedConfig['http']): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  if (net !== addr.kind) {
    const message = `is ${net === 'unix' ? 'not the path of a socket' : 'the path of a socket'}, but http.net is ${net}`
    problems.push({ path: 'http.addr', message })
  }
  const { letsencrypt } = tls
  const challenge = letsencrypt.cachefile === undefined ? undefined : letsencrypt.challengeaddr
  const others = [
    ['http.debug.addr', debug.addr, 'http.addr', addr],
    ['http.tls.letsencrypt.challengeaddr', challenge, 'http.addr', addr],
    ['http.tls.letsencrypt.challengeaddr', challenge, 'http.debug.addr', debug.addr],
  ] as const
  for (const [path, one, otherPath, other] of others) {
    if (one !== undefined && other !== undefined && collide(one, other))
      problems.push({ path, message: `is where ${otherPath} listens already; choose another port` })
  }
  return problems
}

/** Whether a program could not listen on both. Port 0 is another one each time. */
function collide(one: ListenAddress, other: ListenAddress): boolean {
  if (one.kind === 'unix' || other.kind === 'unix')
    return one.kind === other.kind && 'path' in one && 'path' in other && one.path === other.path
  if (one.port !== other.port || one.port === 0) return false
  return one.hostname === undefined || other.hostname === undefined || one.hostname === other.hostname
}
