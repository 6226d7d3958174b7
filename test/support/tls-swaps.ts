import { createAuthority, issueServerCertificate } from '../../src/certificates/issue.ts'
import { listen } from '../../src/http/server/server.ts'
import type { ServerTls } from '../../src/http/server/server-tls.ts'
import { listenForStreams } from '../../src/http/server/stream-server.ts'
import { listenTls } from '../../src/http/server/tls-server.ts'
import { RecordedLog } from './recorded-log.ts'
import { type Traffic, traffic } from './tls-traffic.ts'

/**
 * A program of its own, for a network of its own: replaces a certificate 20 times under load and prints what came of the requests. Its
 * arguments: which of our two servers, and which traffic.
 */
const [kind, load = 'new connections'] = process.argv.slice(2)

const authority = await createAuthority('test')
const server = await listenTls({
  address: { kind: 'tcp', hostname: '127.0.0.1', port: 0 },
  tls: await freshTls(),
  listen: kind === 'streams' ? listenForStreams : listen,
  handler: async () => {
    // Long enough for a change to find some under way.
    await Bun.sleep(20)
    return new Response('{}', { headers: { 'content-length': '2' } })
  },
  log: new RecordedLog(),
})
const stop = new AbortController()
const requests = traffic(Number(new URL(server.url).port), load as Traffic, stop.signal)
for (let round = 0; round < 20; round += 1) {
  await server.renew(await freshTls())
  await Bun.sleep(50)
}
stop.abort()
process.stdout.write(JSON.stringify(await requests))
await server.stop({ timeoutMs: 1_000 })
process.exit(0)

async function freshTls(): Promise<ServerTls> {
  const { certificate, key } = await issueServerCertificate(authority, { hosts: ['localhost'] })
  const certificates = [{ host: undefined, chain: certificate, key }]
  return { certificates, clients: { kind: 'not asked' }, minimumVersion: 'tls1.2', cipherSuites: [] }
}
