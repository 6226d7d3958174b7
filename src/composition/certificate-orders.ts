import { AcmeCache } from '../certificates/acme/acme-cache.ts'
import { AcmeOrders } from '../certificates/acme/acme-orders.ts'
import { CertificateError } from '../certificates/certificate-error.ts'
import type { Config } from '../config/config.ts'
import { createChallengeHandler } from '../http/challenge-handler.ts'
import { bounded, connectionBoundOf } from '../http/connections/bounded-server.ts'
import { listen } from '../http/server/server.ts'
import type { Log } from '../observe/log.ts'
import { ListenError, listenErrorOf } from './listen-error.ts'

/** What orders certificates while the registry serves. */
export interface CertificateOrders {
  stop(): Promise<void>
}

/** Questions about certificates come from a handful of addresses, and browsers are sent on: the port is open to everyone. */
const MOST_CONNECTIONS = { total: 256, perAddress: 32 }

/**
 * Orders the certificates of `http.tls.letsencrypt` and answers the questions about them; undefined when none are to be ordered. One
 * process does this for all: they find the certificates in the folder. Throws ListenError or CertificateError when the questions cannot arrive.
 */
export async function orderCertificates({ http }: Config, log: Log): Promise<CertificateOrders | undefined> {
  if (http.tls?.source.kind !== 'acme') return undefined
  const { source: acme } = http.tls
  const cache = new AcmeCache(acme.folder)
  const handler = createChallengeHandler(
    (token) => cache.findAnswer(token),
    (host) => acme.hosts.includes(host),
  )
  try {
    const bound = acme.challenge.kind === 'tcp' ? challengeBound(http, log) : undefined
    const listening = await listen({ address: acme.challenge, reusePort: false, handler, log, descriptors: bound })
    const server = bounded(listening, bound)
    log.info('answering questions about certificates', { url: server.url })
    const orders = new AcmeOrders(acme, cache, log)
    orders.start()
    return {
      stop: async () => {
        await orders.stop()
        await server.stop({ timeoutMs: 0 })
      },
    }
  } catch (cause) {
    const error = listenErrorOf(cause, { setting: 'http.tls.letsencrypt.challengeaddr', address: acme.challenge })
    if (error instanceof ListenError) throw error
    throw new CertificateError(
      'The address of http.tls.letsencrypt.challengeaddr cannot be listened on; set it to one where requests to port 80 arrive.',
      { cause },
    )
  }
}

function challengeBound({ trustedProxies }: Config['http'], log: Log) {
  return connectionBoundOf({ limitsOf: () => MOST_CONNECTIONS, trustedProxies, log })
}
