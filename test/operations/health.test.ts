import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { rename, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { freePort } from '../support/free-port.ts'
import { OperatedRegistry } from '../support/operated-registry.ts'
import { PEER_PROGRAM } from '../support/peer.ts'
import { poll } from '../support/processes.ts'
import type { Dialect } from '../support/registry-under-test.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const WAIT_MS = 90_000

describe('Berth', () => define('Berth'))

describeWith({ programs: [PEER_PROGRAM] }, 'registry:2 tells the same:', () => define('registry:2'))

function define(dialect: Dialect): void {
  test('a registry without checks is healthy, and only GET asks', async () => {
    await using registry = await OperatedRegistry.start(dialect)

    expect(await registry.debug('/debug/health')).toEqual({ status: 200, body: {} })
    expect((await registry.debug('/debug/health', 'POST')).status).toBe(404)
    expect((await registry.debug('/nothing')).status).toBe(404)
    expect((await registry.debug('/v2/')).status).toBe(404)
  })

  test('a file that exists takes every request out of rotation until it is gone', async () => {
    using folder = new TemporaryFolder()
    const file = folder.join('out-of-rotation')
    await using registry = await OperatedRegistry.start(dialect, {
      more: `health: { file: [{ file: ${file}, interval: 100ms }] }`,
    })
    expect((await registry.client.request('GET', '/v2/')).status).toBe(200)

    await writeFile(file, '')
    await failing(registry)

    expect(await registry.debug('/debug/health')).toEqual({ status: 503, body: { [file]: 'file exists' } })
    for (const path of ['/v2/', '/v2/a/tags/list', '/']) {
      const response = await registry.client.request('GET', path)
      expect(response.status).toBe(503)
      expect(await response.json()).toEqual({
        errors: [{ code: 'UNAVAILABLE', message: expect.any(String), detail: 'health check failed: please see /debug/health' }],
      })
    }

    await rm(file)
    await healthy(registry)
    expect((await registry.client.request('GET', '/v2/')).status).toBe(200)
  })

  test('an address is asked by HEAD with its headers, and must answer with its status', async () => {
    const asked: string[] = []
    let status = 204
    await using server = asDisposable(
      Bun.serve({
        port: 0,
        hostname: '127.0.0.1',
        fetch: (request) => {
          asked.push(`${request.method} ${request.headers.get('authorization')}`)
          return new Response(null, { status })
        },
      }),
    )
    const uri = `http://127.0.0.1:${server.port}/health`
    const check = `{ uri: '${uri}', headers: { Authorization: [Basic abc] }, statuscode: 204, timeout: 3s, interval: 100ms, threshold: 2 }`
    await using registry = await OperatedRegistry.start(dialect, { more: `health: { http: [${check}] }` })
    await poll('two looks', WAIT_MS, async () => (asked.length >= 2 ? true : undefined))
    expect(await registry.debug('/debug/health')).toEqual({ status: 200, body: {} })

    status = 500
    await failing(registry)

    const body = { [uri]: 'downstream service returned unexpected status: 500' }
    expect(await registry.debug('/debug/health')).toEqual({ status: 503, body })
    expect(new Set(asked)).toEqual(new Set(['HEAD Basic abc']))
    status = 204
    await healthy(registry)

    await server.stop(true)
    await failing(registry)
    expect((await registry.debug('/debug/health')).body).toEqual({ [uri]: `error while checking: ${uri}` })
  })

  test('a port must take a connection', async () => {
    const port = await freePort()
    const server = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    const addr = `127.0.0.1:${port}`
    await using registry = await OperatedRegistry.start(dialect, {
      more: `health: { tcp: [{ addr: '${addr}', timeout: 3s, interval: 100ms, threshold: 1 }] }`,
    })
    await healthy(registry)

    await new Promise((resolve) => server.close(resolve))
    await failing(registry)

    expect(await registry.debug('/debug/health')).toEqual({ status: 503, body: { [addr]: `connection to ${addr} failed` } })
  })
}

describe('the storage', () => {
  const health = 'health: { storagedriver: { enabled: true, interval: 100ms, threshold: 2 } }'

  test('must say whether its root is there; that it is not is no failure, but nothing is ready without it', async () => {
    using state = new TemporaryFolder()
    await using registry = await OperatedRegistry.start('Berth', {
      port: await freePort(),
      more: `${health}\nmetadata: { path: ${state.join('metadata.db')} }`,
    })
    const [root, away] = [registry.folder.join('data'), registry.folder.join('away')]
    expect(await registry.debug('/debug/health')).toEqual({ status: 200, body: {} })

    await rename(root, away)
    const absent = await poll('not ready', WAIT_MS, async () => {
      const answer = await registry.debug('/readyz')
      return answer.status === 503 ? answer : undefined
    })
    expect(absent.body).toMatchObject({ ready: false, waiting: { storage: expect.any(String) } })
    expect(await registry.debug('/debug/health')).toEqual({ status: 200, body: {} })

    await symlink(root, root)
    await failing(registry)
    expect(await registry.debug('/debug/health')).toEqual({
      status: 503,
      body: { storagedriver_filesystem: expect.stringContaining('ELOOP') },
    })

    await rm(root)
    await rename(away, root)

    // From a process that starts anew, during which nothing answers.
    await poll('ready', WAIT_MS, async () => {
      const answer = await registry.debug('/readyz').catch(() => undefined)
      return answer?.status === 200 || undefined
    })
    expect(await registry.debug('/debug/health')).toEqual({ status: 200, body: {} })
    expect((await registry.client.request('GET', '/v2/')).status).toBe(200)
  })
})

async function failing(registry: OperatedRegistry): Promise<void> {
  await poll('unhealthy', WAIT_MS, async () => ((await registry.debug('/debug/health')).status === 503 ? true : undefined))
}

async function healthy(registry: OperatedRegistry): Promise<void> {
  await poll('healthy', WAIT_MS, async () => ((await registry.debug('/debug/health')).status === 200 ? true : undefined))
}

function asDisposable(server: Bun.Server<undefined>) {
  return Object.assign(server, { [Symbol.asyncDispose]: () => server.stop(true) })
}
