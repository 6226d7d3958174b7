import type { Answer } from './answer.ts'

/** What a proxy or a registry meant when it did not take what was sent, and where to change that. */
export function adviceForStatus({ status, server }: Pick<Answer, 'status' | 'server'>, what: string): string {
  switch (status) {
    case 413:
      return `A proxy refuses bodies of this size. ${bodyLimit(server)}`
    case 411:
      return 'A proxy wants to know the size beforehand, which clients do not always say: let it pass chunked bodies (nginx: proxy_http_version 1.1).'
    case 401:
      return `${what} was refused although other requests are let in: the proxy drops the Authorization header on some of them, or the user may not write to this repository.`
    case 403:
      return 'The user may not do this in this repository, or a firewall for web applications in front of the registry refuses it.'
    case 404:
      return 'The proxy sends this path somewhere else, or cuts a part of it off: everything below /v2/ must arrive as it is.'
    case 405:
      return 'The registry is read-only, or a proxy forbids the method: POST, PATCH, PUT, DELETE, GET and HEAD must pass.'
    case 429:
      return 'There were too many requests in a short time; wait, and try again.'
    case 502:
    case 503:
    case 504:
      return 'The proxy does not reach the registry, or does not wait long enough for it: look at the log of both. nginx: proxy_read_timeout 900s.'
    case 507:
      return 'The registry has no space left.'
    default:
      return 'Look for the request id in the log of the registry; if it is not there, a proxy has answered.'
  }
}

function bodyLimit(server: string | undefined): string {
  if (/cloudflare/i.test(server ?? '')) {
    return 'Cloudflare takes 100 MB on its smaller plans, and Docker cannot split layers: let the name of the registry bypass it.'
  }
  if (/nginx|openresty/i.test(server ?? '')) return 'In nginx: client_max_body_size 0; berth proxy-config nginx prints the rest.'
  if (/apache/i.test(server ?? '')) return 'In Apache: LimitRequestBody 0, and the limits of mod_security.'
  return 'nginx: client_max_body_size 0. Apache: LimitRequestBody 0. Cloudflare: 100 MB on its smaller plans.'
}

/** A transfer that ends at a round time was ended by a clock, not by the network. */
export function adviceForCut(afterMs: number): string {
  const seconds = Math.round(afterMs / 1000)
  const limit = [30, 60, 100, 120, 300].find((round) => Math.abs(seconds - round) <= Math.max(2, round / 20))
  if (limit === undefined) return 'The connection was cut while bytes were on their way: look at the log of the proxy.'
  return `The connection was cut after ${limit} seconds, which is a limit of a proxy and not of the network. Traefik: respondingTimeouts.readTimeout 0 for the entry point. nginx: proxy_read_timeout and proxy_send_timeout 900s. HAProxy: timeout client and timeout server 15m. Apache: RequestReadTimeout body=0. Load balancers: their idle timeout.`
}
