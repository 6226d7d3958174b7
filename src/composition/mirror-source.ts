import type { ProxyConfig } from '../config/config.ts'
import type { Log } from '../observe/log.ts'
import type { RegistryMetrics } from '../observe/metrics/registry-metrics.ts'
import type { MirrorSource } from '../registry/mirror/mirror.ts'
import { CredentialHelper } from '../upstream/credential-helper.ts'
import { fixedCredentials } from '../upstream/credentials.ts'
import { Upstream } from '../upstream/upstream.ts'

interface Observers {
  readonly metrics: RegistryMetrics | undefined
  readonly log: Log
}

/** The registry that `proxy` names, with what is logged and counted of it. */
export function mirrorSourceOf(
  { url: text, credentials, helper, tagsFreshMs }: ProxyConfig,
  { metrics, log }: Observers,
): MirrorSource {
  const url = new URL(text)
  const { origin } = url
  const fixed = credentials && fixedCredentials(credentials.username, credentials.password.reveal())
  metrics?.mirror.add(origin)
  const upstream = new Upstream({
    url,
    credentials: helper === undefined ? fixed : new CredentialHelper({ ...helper, url }),
    onCircuit: (error) => {
      metrics?.mirror.leftAlone(origin, error !== undefined)
      if (error === undefined) log.info('an upstream answers again', { upstream: origin })
      else log.warn('an upstream fails, it is left alone and tried again later', { upstream: origin, error })
    },
  })
  const events = {
    fetched: (bytes: number) => metrics?.mirror.fetched(origin, bytes),
    servedStale: () => metrics?.mirror.servedStale(origin),
  }
  return { upstream, tagsFreshMs, events }
}
