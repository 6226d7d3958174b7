import { createServer } from 'node:net'
import type { TcpAddress } from '../config/listen-address.ts'

/**
 * Throws EADDRINUSE when something listens there. Processes that share a port would not notice: another registry's processes, which
 * share it too, would get half of our requests.
 */
export async function requireFreePort({ hostname, port }: TcpAddress): Promise<void> {
  if (port === 0) return
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host: hostname ?? '::', exclusive: true }, () => server.close(() => resolve()))
  })
}
