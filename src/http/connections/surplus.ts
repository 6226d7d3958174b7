import { isIPv6 } from 'node:net'
import type { OpenConnection } from './sockets.ts'

/** How many connections a process keeps. */
export interface ConnectionLimits {
  readonly total: number
  /** From one address, or from one IPv6 network of 64 bits, which has one owner; Infinity: no bound. */
  readonly perAddress: number
}

export interface Surplus {
  readonly connection: OpenConnection
  /** The bound that it is beyond. */
  readonly reason: 'address' | 'total'
}

export interface Owners {
  /** A proxy brings the connections of many clients: they do not count for its address. */
  readonly isProxy: (address: string) => boolean
  /** A request of that client is being answered. */
  readonly isAtWork: (connection: OpenConnection) => boolean
}

/** A client that has had an answer may wait so much longer for its next request than one that has not asked a whole one yet. */
const UNANSWERED_MS = 60_000

/**
 * The connections that have to go. Those without a request go first, the one that has waited longest before the others; then, where
 * all have one, the newest. `connections` are in the order in which they were made.
 */
export function surplusOf(
  connections: readonly OpenConnection[],
  { total, perAddress }: ConnectionLimits,
  { isProxy, isAtWork }: Owners,
): Surplus[] {
  const ordered = inOrderOfLeaving(connections, isAtWork)
  const counts = countsByAddress(connections, isProxy)
  const leaving = new Map<OpenConnection, Surplus>()
  for (const connection of ordered) {
    const owner = ownerOf(connection.peer)
    const count = counts.get(owner) ?? 0
    if (count <= perAddress) continue
    counts.set(owner, count - 1)
    leaving.set(connection, { connection, reason: 'address' })
  }
  let left = connections.length - leaving.size
  for (const connection of ordered) {
    if (left <= total) break
    if (leaving.has(connection)) continue
    left -= 1
    leaving.set(connection, { connection, reason: 'total' })
  }
  return [...leaving.values()]
}

function inOrderOfLeaving(connections: readonly OpenConnection[], isAtWork: Owners['isAtWork']): OpenConnection[] {
  const atWork: OpenConnection[] = []
  const waiting: OpenConnection[] = []
  for (const connection of connections) (connection.isSending || isAtWork(connection) ? atWork : waiting).push(connection)
  return [...waiting.sort((one, other) => waitedMs(other) - waitedMs(one)), ...atWork.reverse()]
}

function waitedMs({ idleMs, wasAnswered }: OpenConnection): number {
  return wasAnswered ? idleMs : idleMs + UNANSWERED_MS
}

function countsByAddress(connections: readonly OpenConnection[], isProxy: Owners['isProxy']): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { peer } of connections) {
    if (isProxy(peer)) continue
    const owner = ownerOf(peer)
    counts.set(owner, (counts.get(owner) ?? 0) + 1)
  }
  return counts
}

function ownerOf(address: string): string {
  return isIPv6(address) ? `${address.split(':').slice(0, 4).join(':')}::/64` : address
}
