import { expect, test } from 'bun:test'
import { orderCertificates } from '../../src/composition/certificate-orders.ts'
import type { Config } from '../../src/config/config.ts'
import { poll } from '../support/processes.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { Wire } from '../support/wire.ts'

const QUESTION = 'GET /.well-known/acme-challenge/a HTTP/1.1\r\nHost: registry.example.com\r\n\r\n'

test('the port of http.tls.letsencrypt keeps 32 connections from one address, and answers on them', async () => {
  using folder = new TemporaryFolder()
  const log = new RecordedLog()
  const orders = await orderCertificates(configOf(folder), log)
  const { url } = (await log.line(({ message }) => message === 'answering questions about certificates')).fields as {
    url: string
  }
  const wires: Wire[] = []
  try {
    for (let made = 0; made < 35; made += 1) {
      const wire = await Wire.open(url)
      wires.push(wire)
      await wire.send(QUESTION).until(/404 Not Found(.|\s)*question/)
    }

    await poll('three have ended', 90_000, async () => wires.filter((wire) => wire.hasEnded).length === 3 || undefined)
    for (const wire of wires.filter(({ hasEnded }) => !hasEnded)) await wire.send(QUESTION).until(/question(.|\s)*question/)
    expect(wires.filter(({ hasEnded }) => hasEnded)).toHaveLength(3)
  } finally {
    for (const wire of wires) wire[Symbol.dispose]()
    await orders?.stop()
  }
})

/** What it reads of one; the orders themselves fail, for nothing answers there. */
function configOf(folder: TemporaryFolder): Config {
  const source = {
    ...{ kind: 'acme', folder: folder.join('acme'), email: undefined, hosts: ['registry.example.com'] },
    ...{ directoryUrl: 'http://127.0.0.1:1/', challenge: { kind: 'tcp', hostname: '127.0.0.1', port: 0 } },
  }
  return { http: { tls: { source }, trustedProxies: { ranges: [], areNamed: true } } } as object as Config
}
