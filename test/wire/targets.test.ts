import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Listen } from '../../src/http/server/server.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { describeWith } from '../support/requirements.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { SERVERS, say, statusesIn } from '../support/wire.ts'

/**
 * What a request is about is told by its first line alone. Each line says what is sent and the status of the answer: 200 from the base,
 * 404 from a repository that is not there.
 */
const TARGETS: readonly (readonly [what: string, sent: string, status: number])[] = [
  ['a path', 'GET /v2/ HTTP/1.1\r\nHost: a', 200],
  ['a path, with a port in Host', 'GET /v2/ HTTP/1.1\r\nHost: a:5000', 200],
  ['a path, with an address in Host', 'GET /v2/ HTTP/1.1\r\nHost: [::1]:5000', 200],
  ['a path of HTTP/1.0 without Host', 'GET /v2/ HTTP/1.0', 200],
  ['another path of HTTP/1.0 without Host', 'GET /v2/none/tags/list HTTP/1.0', 404],
  ['a path with an empty Host', 'GET /v2/none/tags/list HTTP/1.1\r\nHost:', 404],
  ['a whole URL', 'GET http://other.example/v2/ HTTP/1.1\r\nHost: a', 200],
  ['a whole URL with another path', 'GET http://other.example/v2/none/tags/list HTTP/1.1\r\nHost: a', 404],
  ['a path, with another path in Host', 'GET /v2/none/tags/list HTTP/1.1\r\nHost: a/v2/?', 400],
  ['a path, with a query in Host', 'GET /v2/none/tags/list HTTP/1.1\r\nHost: a?x=', 400],
  ['a path, with a fragment in Host', 'GET /v2/none/tags/list HTTP/1.1\r\nHost: a/v2/#', 400],
  ['a path, with a blank in Host', 'GET /v2/ HTTP/1.1\r\nHost: a b', 400],
  ['a path, with two Hosts', 'GET /v2/ HTTP/1.1\r\nHost: a\r\nHost: b', 400],
  ['a path of HTTP/1.1 without Host', 'GET /v2/ HTTP/1.1', 400],
]

async function statusOf(url: string, sent: string): Promise<readonly number[]> {
  return statusesIn(await say(url, `${sent}\r\nConnection: close\r\n\r\n`))
}

describe.each(SERVERS)('%s', (_, server) => {
  let registry: RestartableRegistry
  beforeAll(async () => {
    registry = await start(server)
  })
  afterAll(() => registry[Symbol.asyncDispose]())

  test.each(TARGETS)('answers %s by the target of its first line', async (_, sent, status) => {
    expect(await statusOf(registry.url ?? '', sent)).toEqual([status])
  })

  test('refuses a Host that names a user and another host', async () => {
    expect(await statusOf(registry.url ?? '', 'GET /v2/ HTTP/1.1\r\nHost: user@a')).toEqual([400])
  })

  test('says what is wrong with a Host that is none', async () => {
    const received = await say(registry.url ?? '', 'GET /v2/ HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n\r\n')

    expect(received).toContain('"code":"NAME_INVALID"')
    expect(received).toContain('The Host header is not one host')
  })

  test('pushes to the repository of the target, whatever Host says', async () => {
    const head = (target: string, host: string) =>
      `POST ${target} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`

    const absolute = await say(registry.url ?? '', head('http://x/v2/mine/blobs/uploads/', 'localhost'))
    const smuggled = await say(registry.url ?? '', head('/v2/mine/blobs/uploads/', 'a/v2/theirs/blobs/uploads/?'))

    expect(statusesIn(absolute)).toEqual([202])
    expect(absolute).toMatch(/^location: \/v2\/mine\//im)
    expect(statusesIn(smuggled)).toEqual([400])
  })
})

test('a backslash in the target of the server of buckets is no slash', async () => {
  await using registry = await start(SERVERS[1]?.[1] as Listen)

  const received = await say(registry.url ?? '', 'GET /v2\\none/tags\\list HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')

  expect(statusesIn(received)).toEqual([404])
  expect(received).toContain('There is nothing at this path')
})

/** Bun resolves it before the handler is asked: docs/compatibility.md lists it. */
test('a backslash in the target of the server of directories is a slash', async () => {
  await using registry = await start(SERVERS[0]?.[1] as Listen)

  const received = await say(registry.url ?? '', 'GET /v2\\none/tags\\list HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')

  expect(received).toContain('none')
  expect(received).not.toContain('There is nothing at this path')
})

describeWith({ programs: [PEER_PROGRAM] }, 'registry:2', () => {
  const folder = new TemporaryFolder()
  let peer: RegistryProcess
  beforeAll(async () => {
    peer = await startPeer({ folder, dataDirectory: folder.join('data') })
  })
  afterAll(async () => {
    await peer.stop()
    folder[Symbol.dispose]()
  })

  test.each(TARGETS)('answers %s with the same status', async (_, sent, status) => {
    expect(await statusOf(`http://127.0.0.1:${peer.port}`, sent)).toEqual([status])
  })
})

async function start(server: Listen): Promise<RestartableRegistry> {
  return await RestartableRegistry.start({ storage: 'inmemory', server })
}
