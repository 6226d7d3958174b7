import { readTrusted } from '../certificates/server-certificate.ts'
import type { Config } from '../config/config.ts'
import type {
  MirrorConfig,
  MirrorLimitsConfig,
  ProxyConfig,
  SyncConfig,
  UpstreamCredentialsConfig,
  WayConfig,
} from '../config/schema/upstream/upstream-config.ts'
import type { Log } from '../observe/log.ts'
import type { RegistryMetrics } from '../observe/metrics/registry-metrics.ts'
import { parseRepositoryName, type RepositoryName } from '../oci/name.ts'
import { TagSelection } from '../oci/tags/tag-selection.ts'
import type { MirrorSource } from '../registry/mirror/mirror.ts'
import type { MirrorSources } from '../registry/mirror/mirrors.ts'
import type { MirrorLimits } from '../registry/mirror/space/mirror-limits.ts'
import type { SyncRule } from '../registry/mirror/sync/sync-rule.ts'
import { CredentialHelper } from '../upstream/credential-helper.ts'
import { fixedCredentials } from '../upstream/credentials.ts'
import type { Patience, Way } from '../upstream/exchange.ts'
import { OfflineUpstream } from '../upstream/offline-upstream.ts'
import { Upstream } from '../upstream/upstream.ts'
import { Upstreams } from '../upstream/upstreams.ts'

interface Observers {
  readonly metrics: RegistryMetrics | undefined
  readonly log: Log
  /** Is told when an upstream fails, and when it answers again. */
  readonly onUpstream?: ((origin: string, isFailing: boolean) => void) | undefined
  /** For the answers of an upstream, in place of the usual. */
  readonly upstreamPatience?: Partial<Patience> | undefined
}

/** The registries that `proxy` or `mirrors` name; undefined where there are none. Throws CertificateError. */
export async function mirrorSourcesOf(
  { proxy, mirrors }: Pick<Config, 'proxy' | 'mirrors'>,
  observers: Observers,
): Promise<MirrorSources | undefined> {
  if (proxy !== undefined) observers.log.info('this registry is a cache of another one', { upstream: proxy.url })
  for (const { prefix, urls } of mirrors) observers.log.info('another registry is mirrored', { prefix, upstream: urls.join(' ') })
  if (proxy === undefined && mirrors.length === 0) return undefined
  return {
    whole: proxy && (await mirrorSourceOf(proxy, observers)),
    prefixes: await Promise.all(mirrors.map(async (mirror) => ({ ...mirror, source: await prefixSourceOf(mirror, observers) }))),
  }
}

/** The registry that `proxy` names, with what is logged and counted of it. Throws CertificateError. */
export async function mirrorSourceOf(proxy: ProxyConfig, observers: Observers): Promise<MirrorSource> {
  const upstream = upstreamOf(proxy.url, { shown: proxy, way: await wayOf(proxy) }, observers)
  const limits = limitsOf(proxy.limits, (repository) => repository)
  return { upstream, tagsFreshMs: proxy.tagsFreshMs, limits, events: eventsOf(upstream.origin, observers) }
}

async function prefixSourceOf(mirror: MirrorConfig, observers: Observers): Promise<MirrorSource> {
  const { prefix, urls, isOffline, tagsFreshMs } = mirror
  if (isOffline) return { upstream: new OfflineUpstream(prefix), tagsFreshMs: Number.POSITIVE_INFINITY }
  const way = await wayOf(mirror)
  const upstreams = urls.map((url) => upstreamOf(url, { shown: mirror, way }, observers))
  const nameThere = (repository: string) => parseRepositoryName(repository.slice(prefix.length + 1))
  const [first] = upstreams
  const limits = limitsOf(mirror.limits, nameThere)
  const events = eventsOf(first?.origin ?? prefix, observers)
  return {
    upstream: new Upstreams({ upstreams, nameThere }),
    tagsFreshMs,
    limits,
    events,
    sync: mirror.sync && ruleOf(mirror.sync),
  }
}

function ruleOf({ tags, ...rule }: SyncConfig): SyncRule {
  const text = JSON.stringify([rule.repositories.map(String), tags.map((pattern) => pattern.text), rule.platforms])
  return { ...rule, text, tags: new TagSelection(tags) }
}

/** `nameThere`: what the other registry calls a repository. */
function limitsOf({ keep, ...limits }: MirrorLimitsConfig, nameThere: (repository: RepositoryName) => string): MirrorLimits {
  return { ...limits, isKept: (repository) => keep.some((glob) => glob.fits(nameThere(repository))) }
}

async function wayOf({ authorities, httpProxy }: WayConfig): Promise<Partial<Way>> {
  return {
    authorities: authorities === undefined ? undefined : await readTrusted(authorities),
    proxy: httpProxy === 'none' ? false : httpProxy?.reveal(),
  }
}

interface Meeting {
  readonly shown: UpstreamCredentialsConfig
  readonly way: Partial<Way>
}

function upstreamOf(text: string, { shown, way }: Meeting, { metrics, log, onUpstream, upstreamPatience }: Observers): Upstream {
  const url = new URL(text)
  const { origin } = url
  const { credentials, helper } = shown
  const fixed = credentials && fixedCredentials(credentials.username, credentials.password.reveal())
  metrics?.mirror.add(origin)
  return new Upstream({
    url,
    credentials: helper === undefined ? fixed : new CredentialHelper({ ...helper, url }),
    way: { ...way, ...upstreamPatience },
    onCircuit: (error) => {
      metrics?.mirror.leftAlone(origin, error !== undefined)
      onUpstream?.(origin, error !== undefined)
      if (error === undefined) log.info('an upstream answers again', { upstream: origin })
      else log.warn('an upstream fails, it is left alone and tried again later', { upstream: origin, error })
    },
  })
}

/** What could not be confirmed, and what goes, counts for the first address of a mirror. */
function eventsOf(first: string, { metrics }: Observers) {
  return {
    fetched: (bytes: number, origin: string) => metrics?.mirror.fetched(origin, bytes),
    servedStale: () => metrics?.mirror.servedStale(first),
    evicted: (images: number, bytes: number) => metrics?.mirror.evicted(first, images, bytes),
  }
}
