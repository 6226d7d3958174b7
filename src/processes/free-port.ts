import { createServer } from 'node:net'
import type { TcpAddress } from '../config/words/listen-address.ts'

/**
 * Throws EADDRINUSE when something listens there. Processes that share a port would not notice: another registry's processes, which
 * share it too, would get half of our requests.
 */
export async function requireFreePort({ hostname, port }: TcpAddress): Promise<void> {
  if (port === 0) return
  if (hostname !== undefined) return await tryToListen(hostname, port)
  try {
    await tryToListen('::', port)
  } catch (error) {
    // A kernel without IPv6 gives no code at all.
    if (error instanceof Error && 'code' in error && error.code !== 'EAFNOSUPPORT') throw error
    await tryToListen('0.0.0.0', port)
  }
}

async function tryToListen(host: string, port: number): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve()))
  })
}
