import { afterEach, describe, expect, test } from 'bun:test'
import { AppInTest } from '../support/app-in-test.ts'
import { poll } from '../support/processes.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { SERVERS, statusesIn, Wire } from '../support/wire.ts'

const ASK = 'GET /v2/ HTTP/1.1\r\nHost: registry.test\r\n\r\n'
const ENDED_MS = 30_000
const CUT = 'too many connections, some were closed'

const wires: Wire[] = []

afterEach(() => {
  for (const wire of wires.splice(0)) wire[Symbol.dispose]()
})

/** A connection that has had an answer. */
async function answered(url: string): Promise<Wire> {
  const wire = await Wire.open(url)
  wires.push(wire)
  await wire.send(ASK).until(/200 OK(.|\s)*\r\n\r\n\{\}/)
  return wire
}

async function answeredTimes(url: string, count: number): Promise<Wire[]> {
  const all: Wire[] = []
  for (let made = 0; made < count; made += 1) all.push(await answered(url))
  return all
}

/** Which of them: src/http/connections/surplus.test.ts. */
async function threeEnded(all: readonly Wire[]): Promise<void> {
  await poll('three connections have ended', ENDED_MS, async () => all.filter((wire) => wire.hasEnded).length === 3 || undefined)
}

async function countAnswers(all: readonly Wire[]): Promise<number> {
  const answers = all.filter((wire) => !wire.hasEnded).map((wire) => wire.send(ASK).until(/200 OK(.|\s)*200 OK/))
  return (await Promise.allSettled(answers)).filter(({ status }) => status === 'fulfilled').length
}

describe.each(SERVERS)('connections to %s', (_, server) => {
  test('are no more in all than http.connections.total', async () => {
    using folder = new TemporaryFolder()
    await using app = await AppInTest.start(folder, { http: { processes: 1, connections: { total: 5 } } }, { server })
    const all = await answeredTimes(app.url, 8)
    await app.log.line(({ message }) => message === CUT)
    await threeEnded(all)

    expect(await countAnswers(all)).toBe(5)
    expect(app.log.lines.filter(({ message }) => message === CUT)).toHaveLength(1)
  })

  test('are no more from one address than http.connections.peraddress', async () => {
    using folder = new TemporaryFolder()
    const http = { processes: 1, trustedproxies: ['none'], connections: { peraddress: 5 } }
    await using app = await AppInTest.start(folder, { http }, { server })
    const all = await answeredTimes(app.url, 8)
    await threeEnded(all)

    expect(await countAnswers(all)).toBe(5)
    const line = await app.log.line(({ message }) => message === CUT)
    expect(line.fields).toMatchObject({ total: 0, mostOfAddress: 5 })
  })

  test('of a trusted proxy may be more than that: 100 that wait go on', async () => {
    using folder = new TemporaryFolder()
    const http = { processes: 1, connections: { total: 110, peraddress: 5 } }
    await using app = await AppInTest.start(folder, { http }, { server })
    const waiting = await Promise.all(Array.from({ length: 100 }, () => answered(app.url)))
    // With these there are two too many in all, so that a look has seen them when there is a line.
    const more = await answeredTimes(app.url, 12)
    const line = await app.log.line(({ message }) => message === CUT)

    expect(line.fields).toMatchObject({ address: 0 })
    expect(await countAnswers([...waiting, ...more])).toBe(110)
  })

  test('wait for their first request as long as they like: the kernel keeps them for it', async () => {
    using folder = new TemporaryFolder()
    const http = { processes: 1, connections: { total: 2 } }
    await using app = await AppInTest.start(folder, { http }, { server })
    const silent = await Promise.all(Array.from({ length: 20 }, () => Wire.open(app.url)))
    wires.push(...silent)
    // A look at the connections, for there are more than two of these; the silent ones are none of them.
    await answeredTimes(app.url, 4)
    await app.log.line(({ message }) => message === CUT)

    expect(silent.filter((wire) => wire.hasEnded)).toEqual([])
    expect(statusesIn(await (silent[0] as Wire).send(ASK).until(/\{\}/))).toEqual([200])
  })
})
