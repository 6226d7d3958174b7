import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { OperatedRegistry } from '../support/operated-registry.ts'
import { poll } from '../support/processes.ts'

setDefaultTimeout(120_000)

const DUTIES = {
  scan: expect.any(String),
  tombstones: expect.any(String),
  collector: expect.any(String),
  facts: expect.any(String),
  history: expect.any(String),
  inside: expect.any(String),
  leftovers: expect.any(String),
  notifications: expect.any(String),
  pulls: expect.any(String),
  remarks: expect.any(String),
  uploads: expect.any(String),
}

describe('a running registry', () => {
  test('lives and is ready on both addresses, for GET and HEAD', async () => {
    await using registry = await OperatedRegistry.start('Berth')

    for (const url of [registry.client.url, registry.debugUrl]) {
      const live = await fetch(`${url}/livez`)
      const ready = await fetch(`${url}/readyz?verbose`)
      const head = await fetch(`${url}/readyz`, { method: 'HEAD' })
      expect([live.status, await live.json()]).toEqual([200, { live: true }])
      expect([ready.status, await ready.json()]).toEqual([
        200,
        {
          ready: true,
          waiting: {},
          scan: { epoch: 1, complete: expect.any(Boolean), names: expect.any(Boolean), scanned: expect.any(Number) },
          duties: DUTIES,
        },
      ])
      expect(head.status).toBe(200)
      expect((await fetch(`${url}/livez`, { method: 'POST' })).status).toBe(405)
    }
  })

  test('has repositories called livez and readyz', async () => {
    await using registry = await OperatedRegistry.start('Berth')

    expect((await registry.client.request('GET', '/v2/livez/tags/list')).status).toBe(404)
    expect((await registry.client.request('POST', '/v2/readyz/blobs/uploads/')).status).toBe(202)
  })
})

test('background work is held by the one process that there is', async () => {
  await using registry = await OperatedRegistry.start('Berth')

  await poll('each duty has a holder', 90_000, async () => {
    const { duties } = (await (await fetch(`${registry.client.url}/readyz`)).json()) as {
      readonly duties: Record<string, string>
    }
    return Object.keys(DUTIES).every((name) => duties[name] === 'held') ? true : undefined
  })
})

test('a registry that is asked to stop lives and is not ready while it finishes what it has begun', async () => {
  await using registry = await OperatedRegistry.start('Berth')
  const location = await registry.client.startUpload('a')
  const body = Promise.withResolvers<void>()
  const slow = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array(10)),
    pull: async (controller) => {
      await body.promise
      controller.close()
    },
  })
  const upload = fetch(new URL(location, registry.client.url), { method: 'PATCH', body: slow })
  await poll('the upload is under way', 90_000, async () => {
    const { body: metrics } = await registry.debug('/metrics')
    return String(metrics).includes('registry_http_in_flight_requests{handler="blob_upload_chunk"} 1') ? true : undefined
  })

  process.kill(registry.program.pid, 'SIGTERM')
  const draining = await poll('not ready', 90_000, async () => {
    const answer = await registry.debug('/readyz')
    return answer.status === 503 ? answer : undefined
  })
  expect(draining.body).toMatchObject({ ready: false, waiting: { draining: expect.any(String) } })
  expect((await registry.debug('/livez')).status).toBe(200)
  body.resolve()

  expect((await upload).status).toBe(202)
  expect(await registry.program.exited).toBe(0)
})
