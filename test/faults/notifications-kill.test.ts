import { expect, test } from 'bun:test'
import { type BerthProcess, startBerth } from '../support/berth-process.ts'
import { triesAll } from '../support/effort.ts'
import { EventReceiver, type ReceivedEvent } from '../support/event-receiver.ts'
import { freePort } from '../support/free-port.ts'
import { contentOf } from '../support/images.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const ROUNDS = triesAll ? 60 : 6
const CLIENTS = 4
const LONGEST_ROUND_MS = 700
const TEST_MS = 60_000 + ROUNDS * 10_000

interface Receivers {
  readonly well: EventReceiver
  readonly failing: EventReceiver
  readonly silent: EventReceiver
}

test(
  `${ROUNDS} times kill -9 while clients push, one endpoint answers 500, one never, and one is away: each that is well has every event of an acknowledged push, in order`,
  async () => {
    using folder = new TemporaryFolder()
    using well = new EventReceiver()
    using failing = new EventReceiver('answers 500')
    using silent = new EventReceiver('never answers')
    const receivers = { well, failing, silent }
    const config = notifications(receivers, await freePort())
    const random = new SeededRandom(seedFor('kills with notifications'))
    const clients = Array.from({ length: CLIENTS }, (_, index) => new PushingClient(`client-${index}`))

    for (let round = 1; round <= ROUNDS; round += 1) {
      const berth = await startBerth({ folder, moreConfig: config, expectsFaults: true })
      const pushing = clients.map((client) => client.pushUntilFailure(berth))
      await Bun.sleep(random.below(LONGEST_ROUND_MS))
      await berth.kill()
      await Promise.all(pushing)
    }
    failing.reception = 'takes it'
    silent.reception = 'takes it'
    const asked = failing.asked
    await using berth = await startBerth({ folder, moreConfig: config, expectsFaults: true })
    for (const client of clients) await client.push(new RegistryClient(berth.url))

    for (const [name, receiver] of Object.entries(receivers)) {
      await receiver.until(`${name} has every event`, ({ events }) => (hasAll(events, clients) ? true : undefined), 45_000)
      expect(problemsOf(receiver.events, clients)).toEqual([])
    }
    expect(asked).toBeGreaterThan(0)
    expect(clients.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0)).toBeGreaterThan(ROUNDS)
  },
  TEST_MS,
)

function notifications({ well, failing, silent }: Receivers, portWithoutServer: number): string {
  const away = `http://127.0.0.1:${portWithoutServer}/`
  const endpoints = { well: well.url, failing: failing.url, silent: silent.url, away }
  const lines = Object.entries(endpoints).map(
    ([name, url]) => `    - {name: ${name}, url: "${url}", timeout: 300ms, threshold: 2, backoff: 100ms}\n`,
  )
  return `notifications:\n  endpoints:\n${lines.join('')}`
}

/** Pushes blobs of its own, one after another: its events are to come in this order. */
class PushingClient {
  readonly repository: string
  readonly acknowledged: string[] = []
  #pushed = 0

  constructor(repository: string) {
    this.repository = repository
  }

  /** Until the registry is killed. */
  async pushUntilFailure({ url }: BerthProcess): Promise<void> {
    const client = new RegistryClient(url)
    try {
      for (;;) await this.push(client)
    } catch (error) {
      if (!(error instanceof Error)) throw error
    }
  }

  async push(client: RegistryClient): Promise<void> {
    this.#pushed += 1
    const bytes = new TextEncoder().encode(`${this.repository} ${this.#pushed}`)
    const blob = contentOf('application/octet-stream', bytes)
    await client.pushBlob(this.repository, blob)
    this.acknowledged.push(blob.digest)
  }
}

function hasAll(events: readonly ReceivedEvent[], clients: readonly PushingClient[]): boolean {
  const told = new Set(events.map(({ target }) => target.digest))
  return clients.every(({ acknowledged }) => acknowledged.every((digest) => told.has(digest)))
}

/** What is missing, what came too early or too late, and repeats that are not told by their id. */
function problemsOf(events: readonly ReceivedEvent[], clients: readonly PushingClient[]): readonly string[] {
  const first = new Map<string, ReceivedEvent>()
  for (const event of events) if (!first.has(event.id)) first.set(event.id, event)
  const changed = events.filter((event) => JSON.stringify(first.get(event.id)) !== JSON.stringify(event))
  const outOfOrder = clients.flatMap(({ repository, acknowledged }) => {
    const digests = [...first.values()]
      .filter(({ target }) => target.repository === repository)
      .map(({ target }) => target.digest)
    const known = new Set(acknowledged)
    // What was pushed and not acknowledged may have its event.
    const told = digests.filter((digest) => known.has(String(digest)))
    return Bun.deepEquals(told, acknowledged) ? [] : [`${repository}: told ${told.join()}, acknowledged ${acknowledged.join()}`]
  })
  return [...changed.map(({ id }) => `the event ${id} came in two forms`), ...outOfOrder]
}
