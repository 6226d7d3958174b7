import { isWithin, type TrustedProxies } from '../request/forwarding.ts'
import type { HttpServer } from '../server/server.ts'
import { ConnectionBound, type ConnectionBoundOptions } from './connection-bound.ts'
import type { ConnectionLimits } from './surplus.ts'
import { systemSockets } from './system-sockets.ts'

export interface BoundOptions extends Pick<ConnectionBoundOptions, 'log' | 'onCut'> {
  readonly limitsOf: (descriptorLimit: number) => ConnectionLimits
  readonly trustedProxies: TrustedProxies
}

/** The bound on the connections of one server. Undefined where connections cannot be counted. */
export function connectionBoundOf({ limitsOf, trustedProxies, ...options }: BoundOptions): ConnectionBound | undefined {
  const sockets = systemSockets()
  if (sockets === undefined) {
    options.log.warn('connections cannot be counted on this system, so they have no bound')
    return undefined
  }
  const limits = limitsOf(sockets.descriptorLimit)
  return new ConnectionBound({ sockets, limits, isProxy: isWithin(trustedProxies.ranges), ...options })
}

/** Bounds the connections of a server until it stops, and gives the server back. */
export function bounded(server: HttpServer, bound: ConnectionBound | undefined): HttpServer {
  bound?.listens(portOf(server), server)
  return {
    ...server,
    stop: async (stopping) => {
      bound?.stop()
      await server.stop(stopping)
    },
  }
}

export function portOf({ url }: HttpServer): number {
  const { port, protocol } = new URL(url)
  return Number(port || (protocol === 'https:' ? 443 : 80))
}
