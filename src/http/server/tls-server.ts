import type { HttpServer, Listen, ServerOptions } from './server.ts'
import type { ServerTls } from './server-tls.ts'

/** A server whose certificates can be replaced while it serves. */
export interface TlsServer extends HttpServer {
  /**
   * Every connection that is made from now on sees the new ones. What runs on older connections goes on to its end. Throws when the
   * port cannot be listened on once more; then nothing has changed.
   */
  renew(tls: ServerTls): Promise<void>
}

export type TlsServerOptions = Omit<ServerOptions, 'address' | 'reusePort' | 'tls'> & {
  readonly address: Extract<ServerOptions['address'], { readonly kind: 'tcp' }>
  readonly tls: ServerTls
  readonly listen: Listen
}

/** What setTimeout can count: for uploads of any length. */
const NO_DEADLINE_MS = 2 ** 31 - 1

/**
 * Bun takes certificates only when it begins to listen. So a second server begins on the same port, and the first one ends when its last
 * request has. Connections that wait to be accepted at that moment are lost unless the kernel may move them (net.ipv4.tcp_migrate_req);
 * nothing has been asked on them.
 */
export async function listenTls({ address, tls, listen, ...options }: TlsServerOptions): Promise<TlsServer> {
  let current = await begin(address, tls)
  const { url } = current
  const ending = new Set<HttpServer>()

  async function begin(at: TlsServerOptions['address'], certificates: ServerTls): Promise<HttpServer> {
    return await listen({ ...options, address: at, tls: certificates, reusePort: true })
  }

  function end(server: HttpServer): void {
    ending.add(server)
    server.stop({ timeoutMs: NO_DEADLINE_MS }).then(
      () => ending.delete(server),
      (error: unknown) => options.log.error('a server with an old certificate did not end', { error }),
    )
  }

  return {
    url,
    clientsAtWork: () => [current, ...ending].flatMap((server) => server.clientsAtWork()),
    renew: async (renewed) => {
      const next = await begin({ ...address, port: Number(new URL(url).port || 443) }, renewed)
      end(current)
      current = next
    },
    stop: async (stopping) => {
      await Promise.all([current, ...ending].map((server) => server.stop(stopping)))
    },
  }
}
