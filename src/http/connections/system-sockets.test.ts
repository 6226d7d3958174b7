import { afterEach, describe, expect, test } from 'bun:test'
import { Wire } from '../../../test/support/wire.ts'
import type { Sockets } from './sockets.ts'
import { systemSockets } from './system-sockets.ts'

const ASK = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const stops: (() => unknown)[] = []

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

function serve() {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('here') })
  stops.push(() => server.stop(true))
  return { url: server.url.href, port: server.port ?? 0 }
}

function sockets(): Sockets {
  const found = systemSockets()
  if (found === undefined) throw new Error('this system has no /proc, or its C library cannot be called')
  return found
}

async function open(url: string): Promise<Wire> {
  const wire = await Wire.open(url)
  stops.push(() => wire[Symbol.dispose]())
  return wire
}

describe.if(process.platform === 'linux')('the sockets of this process', () => {
  test('are the connections of one port, with what has come and gone on them', async () => {
    const { url, port } = serve()
    const other = serve()
    const [wire, elsewhere] = [await open(url), await open(other.url)]
    await wire.send(ASK).until(/here/)
    await elsewhere.send(ASK).until(/here/)

    const found = await sockets().connections(port)

    expect(found).toHaveLength(1)
    expect(found[0]).toMatchObject({ peer: '127.0.0.1', isSending: false, wasAnswered: true })
    expect(found[0]?.idleMs).toBeLessThan(60_000)
  })

  test('end when they are cut, and are cut once', async () => {
    const { url, port } = serve()
    const wire = await open(url)
    await wire.send(ASK).until(/here/)
    const system = sockets()
    const [connection] = await system.connections(port)
    if (connection === undefined) throw new Error('the connection was not found')

    expect(system.cut({ ...connection, peerPort: connection.peerPort ^ 1 }, port)).toBe(false)
    expect(system.cut(connection, port)).toBe(true)
    await wire.ended()
    expect(await system.connections(port)).toEqual([])
  })

  test('do not have a connection on which nothing was sent, and have it with its first request', async () => {
    const { url, port } = serve()
    const system = sockets()
    system.deferSilent(port)
    const [silent, asking] = [await open(url), await open(url)]
    await asking.send(ASK).until(/here/)

    expect(await system.connections(port)).toHaveLength(1)
    await silent.send(ASK).until(/here/)
    expect(await system.connections(port)).toHaveLength(2)
  })

  test('get no new connection while none is admitted, and those that waited when all are', async () => {
    const { url, port } = serve()
    const system = sockets()
    const before = await open(url)
    await before.send(ASK).until(/here/)
    system.admit(port, 'none')
    const waiting = Wire.open(url)
    await before.send(ASK).until(/here(.|\s)*here/)

    expect(await system.connections(port)).toHaveLength(1)
    system.admit(port, 'all')
    const wire = await waiting
    stops.push(() => wire[Symbol.dispose]())
    await wire.send(ASK).until(/here/)
  })

  test('are descriptors, of which there is one left', () => {
    const system = sockets()

    expect(system.openDescriptors()).toBeGreaterThan(3)
    expect(system.descriptorLimit).toBeGreaterThan(system.openDescriptors())
    expect(system.hasFreeDescriptor()).toBe(true)
  })
})
