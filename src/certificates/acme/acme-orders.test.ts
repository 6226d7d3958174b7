import { expect, test } from 'bun:test'
import { mkdir } from 'node:fs/promises'
import { RecordedLog } from '../../../test/support/recorded-log.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { AcmeCache } from './acme-cache.ts'
import { AcmeOrders } from './acme-orders.ts'

const HOST = 'registry.example.com'

test('a certificate in the folder that cannot be read is told, and none is ordered in its place', async () => {
  using folder = new TemporaryFolder()
  // Reading it fails for everybody, also for root.
  await mkdir(folder.join(HOST))
  let asked = 0
  using authority = Bun.serve({
    port: 0,
    fetch: () => {
      asked += 1
      return new Response(null, { status: 503 })
    },
  })
  const acme = {
    folder: folder.join('.'),
    email: undefined,
    hosts: [HOST],
    directoryUrl: authority.url.href,
    challenge: { kind: 'tcp', hostname: '127.0.0.1', port: 0 },
  } as const
  const log = new RecordedLog()
  const orders = new AcmeOrders(acme, new AcmeCache(acme.folder), log)

  orders.start()
  const { level, fields } = await log.line(({ message }) => message === 'certificate was not ordered')
  await orders.stop()

  expect({ level, host: fields.host }).toEqual({ level: 'error', host: HOST })
  expect(String(fields.error)).toContain('cannot be read')
  expect(asked).toBe(0)
})
