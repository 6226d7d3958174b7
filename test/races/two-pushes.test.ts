import { expect, test } from 'bun:test'
import { LIMITS, PostgresMetadata } from '../../src/metadata/postgres/postgres.ts'
import { prepareDatabase } from '../../src/metadata/postgres/set-up.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { someOf } from '../support/effort.ts'
import { blobsOf, contentOf, jsonContent, makeImage } from '../support/images.ts'
import { eventSettings } from '../support/notification-settings.ts'
import type { PostgresAddress } from '../support/postgres-server.ts'
import { describeOnPostgres } from '../support/postgres-suite.ts'
import type { RegistryClient } from '../support/registry-client.ts'
import { SteppedStatements } from '../support/stepped-statements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** More than a push has. */
const MOST_STATEMENTS = 60
const LOOK_EVERY_MS = 2

const image = makeImage('image', { layers: 1 })

type Push = (client: RegistryClient, repository: string, time: number) => Promise<number>

/** The same content each time, and something new in each try. */
const PUSHES: Readonly<Record<string, Push>> = {
  'a manifest': async (client, repository, time) => {
    const manifest = JSON.parse(new TextDecoder().decode(image.manifest.bytes)) as object
    const variant = jsonContent(image.manifest.mediaType, { ...manifest, annotations: { time: `${time}` } })
    return (await client.putManifest(repository, `v${time}`, variant)).status
  },
  'a blob': async (client, repository, time) => {
    const { digest, bytes } = contentOf('application/octet-stream', new TextEncoder().encode(`blob ${time}`))
    return (await client.request('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, { body: bytes })).status
  },
}

const CASES = Object.keys(PUSHES).flatMap((what) => ['another', 'one'].map((other) => [what, other] as const))

describeOnPostgres('two pushes of the same content', (server) => {
  test.each(CASES)(
    'of %s, to one repository and to %s, each statement of one between any two of the other',
    async (what, other) => {
      using folder = new TemporaryFolder({ inMemory: true })
      await using two = await TwoProcesses.start(server(), folder)
      const push = PUSHES[what]
      if (push === undefined) throw new Error('there is no such push')
      const lengths = await two.lengthsOf((client, time) => push(client, 'one', time))
      const places = lengths.flatMap((first) => lengths.map((second) => [first, second] as const))

      let time = lengths.length
      for (const [first, second] of someOf(`orders of two pushes of ${what} to one and ${other}`, places, 14)) {
        time += 1
        const told = await two.cross({
          ...{ first: (client) => push(client, 'one', time), second: (client) => push(client, other, time) },
          stops: [first, second],
        })
        expect([first, second, ...told]).toEqual([first, second, 201, 201])
      }

      expect(await two.disagreements()).toEqual([])
    },
    600_000,
  )
})

interface Crossing {
  readonly first: (client: RegistryClient) => Promise<number>
  readonly second: (client: RegistryClient) => Promise<number>
  /** After so many statements each of them stops. */
  readonly stops: readonly [number, number]
}

class TwoProcesses implements AsyncDisposable {
  readonly #server: PostgresAddress
  readonly #schema: string
  readonly #processes: readonly BerthInProcess[]
  readonly #steps: readonly SteppedStatements[]
  readonly #databases: readonly PostgresMetadata[]

  private constructor(parts: {
    readonly server: PostgresAddress
    readonly schema: string
    readonly processes: readonly BerthInProcess[]
    readonly steps: readonly SteppedStatements[]
    readonly databases: readonly PostgresMetadata[]
  }) {
    this.#server = parts.server
    this.#schema = parts.schema
    this.#processes = parts.processes
    this.#steps = parts.steps
    this.#databases = parts.databases
  }

  /** Both repositories have the blobs of the image. */
  static async start(server: PostgresAddress, folder: TemporaryFolder): Promise<TwoProcesses> {
    const place = server.place()
    await prepareDatabase(place, LIMITS, { store: 'store' })
    const databases = [new PostgresMetadata({ place }), new PostgresMetadata({ place })]
    const steps = databases.map(() => new SteppedStatements())
    const processes: BerthInProcess[] = []
    for (const [number, database] of databases.entries())
      processes.push(
        await BerthInProcess.start(folder.join('data'), {
          metadata: () => steps[number]?.watch(database) ?? database,
          notifications: eventSettings(),
        }),
      )
    const started = new TwoProcesses({ server, schema: place.schema, processes, steps, databases })
    for (const repository of ['one', 'another'])
      for (const content of blobsOf(image)) await started.#client(0).pushBlob(repository, content)
    await processes[0]?.scan()
    return started
  }

  /** The places in which one push alone can be stopped: from none of its statements up to all of them. */
  async lengthsOf(push: (client: RegistryClient, time: number) => Promise<number>): Promise<readonly number[]> {
    this.#step(0).limit(Number.POSITIVE_INFINITY)
    expect(await push(this.#client(0), 0)).toBe(201)
    const length = this.#step(0).done
    expect(length).toBeGreaterThan(8)
    expect(length).toBeLessThan(MOST_STATEMENTS)
    return Array.from({ length: length + 1 }, (_, place) => place)
  }

  /** The first one up to its stop, the second one up to its own or until it waits for the first; then the rest of both. */
  async cross({ first, second, stops }: Crossing): Promise<readonly number[]> {
    stops.forEach((count, number) => void this.#step(number).limit(count))
    const firstDone = first(this.#client(0))
    await Promise.race([this.#step(0).stopped(), firstDone])
    const secondDone = second(this.#client(1))
    const waits = this.#untilItWaits([firstDone, secondDone])
    await Promise.race([this.#step(1).stopped(), secondDone, waits])
    this.#step(0).goOn()
    await Promise.race([firstDone, this.#untilItWaits([firstDone, secondDone])])
    this.#step(1).goOn()
    return await Promise.all([firstDone, secondDone])
  }

  /** What the rows say of each other: claims that were left, events that are missing or twice there, content without its row. */
  async disagreements(): Promise<readonly unknown[]> {
    const { schema } = { schema: this.#schema }
    return await this.#server.ask(
      `SELECT 'claim' AS what, name FROM ${schema}.claim
       UNION ALL SELECT 'event', 'numbers' FROM ${schema}.event HAVING count(*) <> max(number)
       UNION ALL SELECT 'told', repository || '@' || digest FROM ${schema}.event WHERE action = 'push' AND kind = 'manifest'
         GROUP BY repository, digest HAVING count(*) > 2
       UNION ALL SELECT 'tag', name FROM ${schema}.tag t WHERE NOT EXISTS (SELECT 1 FROM ${schema}.manifest m
         JOIN ${schema}.manifest_content c ON c.digest = m.digest JOIN ${schema}.blob b ON b.digest = m.digest
         JOIN ${schema}.image_facts f ON f.digest = m.digest
         WHERE m.repository_id = t.repository_id AND m.digest = t.digest AND m.held = 1 AND b.state = 'live' AND f.state = 0)
       UNION ALL SELECT 'link', digest FROM ${schema}.link l WHERE target IS NULL OR NOT EXISTS (SELECT 1 FROM ${schema}.blob b
         WHERE b.digest = l.target AND b.state = 'live' AND b.size IS NOT NULL)
       UNION ALL SELECT 'arriving', digest FROM ${schema}.blob WHERE state <> 'live'
       UNION ALL SELECT 'reference', digest FROM ${schema}.manifest m WHERE (SELECT count(*) FROM ${schema}.reference r
         WHERE r.repository_id = m.repository_id AND r.manifest = m.digest) <> 2`,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const berth of this.#processes) await berth.stop()
    for (const database of this.#databases) await database.close()
  }

  #client(number: number): RegistryClient {
    const berth = this.#processes[number]
    if (berth === undefined) throw new Error('there is no such process')
    return berth.client
  }

  #step(number: number): SteppedStatements {
    const step = this.#steps[number]
    if (step === undefined) throw new Error('there is no such process')
    return step
  }

  /** Until the server has a statement that waits for another transaction, or one of these has ended. */
  async #untilItWaits(ends: readonly Promise<unknown>[]): Promise<void> {
    let isOver = false
    const end = () => {
      isOver = true
    }
    for (const each of ends) each.then(end, end)
    while (!isOver) {
      const waiting = await this.#server.ask(
        `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ '(share_turn|INSERT|UPDATE|DELETE)' AND pid <> pg_backend_pid()`,
      )
      if (waiting.length > 0) return
      await Bun.sleep(LOOK_EVERY_MS)
    }
  }
}
