import { expect, test } from 'bun:test'
import type { PostgresPlace } from '../../src/metadata/postgres/connection.ts'
import { LIMITS, PostgresMetadata } from '../../src/metadata/postgres/postgres.ts'
import { prepareDatabase } from '../../src/metadata/postgres/set-up.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { triesAll } from '../support/effort.ts'
import { blobsOf, contentOf, fixedBytes, type Image, makeImage } from '../support/images.ts'
import { describeOnOwnPostgres, describeOnPostgres } from '../support/postgres-suite.ts'
import { push } from '../support/pushing-clients.ts'
import type { RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const [image, other] = [makeImage('image'), makeImage('other')]
const blob = contentOf('application/octet-stream', fixedBytes(1000))
const API = '/api/v1/repositories'

/** One after the other. What an answer says of times and ids is left out of the comparison. */
const REQUESTS: readonly ((client: RegistryClient) => Promise<Response | undefined>)[] = [
  async (client) => void (await push(client, 'app', 'latest', image)),
  async (client) => void (await push(client, 'app', 'v1', other)),
  async (client) => {
    await client.pushBlob('app', blob)
    return undefined
  },
  async (client) => await client.request('POST', `/v2/second/blobs/uploads/?mount=${blob.digest}&from=app`),
  async (client) => await client.getManifest('app', 'latest'),
  async (client) => await client.getManifest('app', image.manifest.digest),
  async (client) => await client.getBlob('app', image.config.digest),
  async (client) => await client.getBlob('second', blob.digest),
  ...[
    '/v2/_catalog',
    '/v2/app/tags/list',
    `/v2/app/referrers/${image.manifest.digest}`,
    '/v1/search?q=ap',
    '/v1/search?q=app',
  ].map((path) => async (client: RegistryClient) => await client.request('GET', path)),
  ...[
    '',
    '/tags?q=lat',
    '/tags?sort=pulls',
    '/image?tag=latest',
    '/storage?tag=latest',
    '/storage?n=10',
    '/compare?from=latest&to=v1',
  ].map((path) => async (client: RegistryClient) => await client.request('GET', `${API}/app${path}`)),
  async (client) => await client.request('PUT', `${API}/app/description?text=words`),
  async (client) => await client.request('GET', API),
  async (client) => await client.request('GET', '/api/v1/activity'),
  async (client) => await client.deleteManifest('app', 'v1'),
  async (client) => await client.deleteManifest('app', image.manifest.digest),
  async (client) => await client.deleteBlob('second', blob.digest),
  async (client) => await client.request('GET', '/v2/app/tags/list'),
  async (client) => await client.getManifest('app', 'latest'),
]

async function answersOf(berth: BerthInProcess): Promise<readonly string[]> {
  const answers: string[] = []
  for (const send of REQUESTS) {
    const response = await send(berth.client)
    if (response !== undefined) answers.push(`${response.status} ${withoutTimes(await response.text())}`)
  }
  return answers
}

function withoutTimes(text: string): string {
  return text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'a time').replace(/(?<=\(request )[\da-f]+/g, 'an id')
}

async function prepared(place: PostgresPlace): Promise<PostgresMetadata> {
  await prepareDatabase(place, LIMITS, { store: 'store' })
  return new PostgresMetadata({ place })
}

describeOnPostgres('a registry over PostgreSQL', (server) => {
  test('answers as one over SQLite', async () => {
    using folder = new TemporaryFolder({ inMemory: true })
    const metadata = await prepared(server().place())
    await using inPostgres = await BerthInProcess.start(folder.join('one'), { metadata: () => metadata })
    await using inSqlite = await BerthInProcess.start(folder.join('other'))
    const [expected, answers] = [await answersOf(inSqlite), await answersOf(inPostgres)]

    expect(answers).toEqual(expected)
    await metadata.close()
  }, 60_000)
})

describeOnOwnPostgres('two processes over one PostgreSQL', (server) => {
  test('lose nothing that they have acknowledged while its connections are ended, and answer nothing but what is right or 503', async () => {
    using folder = new TemporaryFolder({ inMemory: true })
    const place = server().place()
    const databases = [await prepared(place), await prepared(place)]
    await using stack = new AsyncDisposableStack()
    const processes: BerthInProcess[] = []
    for (const metadata of databases)
      processes.push(stack.use(await BerthInProcess.start(folder.join('data'), { metadata: () => metadata })))
    const ending = new AbortController()
    const kills = endConnections(ending.signal)
    const clients = Array.from({ length: 6 }, (_, number) => pushSome(processes, number, triesAll ? 50 : 4))

    const told = (await Promise.all(clients)).flat()
    ending.abort()
    expect(await kills).toBeGreaterThan(3)

    expect(told.filter(({ status }) => status !== 201 && status !== 503)).toEqual([])
    expect(told.filter(({ status }) => status === 201).length).toBeGreaterThan(10)
    for (const berth of processes) expect(await lostOf(berth.client, told)).toEqual([])
    for (const metadata of databases) await metadata.close()
  }, 180_000)

  /** One at a time, until the signal, and no more than a slow machine can bear. How many it were. */
  async function endConnections(signal: AbortSignal): Promise<number> {
    let count = 0
    while (!signal.aborted && count < 40) {
      const text = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'berth' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1`
      count += (await server().ask(text)).length
      await Bun.sleep(50)
    }
    return count
  }
})

interface Told {
  readonly repository: string
  readonly tag: string
  readonly image: Image
  readonly status: number
}

/** Each request by another process. */
async function pushSome(processes: readonly BerthInProcess[], number: number, rounds: number): Promise<readonly Told[]> {
  const told: Told[] = []
  for (let round = 0; round < rounds; round += 1) {
    const client = processes[(number + round) % processes.length]?.client
    const pushed = makeImage(`${number} ${round}`, { layers: 1 })
    const [repository, tag] = [`team/${number % 3}`, `v${number}-${round}`]
    if (client === undefined) continue
    told.push({ repository, tag, image: pushed, ...(await push(client, repository, tag, pushed)) })
  }
  return told
}

async function lostOf(client: RegistryClient, told: readonly Told[]): Promise<readonly string[]> {
  const lost: string[] = []
  for (const { repository, tag, image: pushed, status } of told) {
    if (status !== 201) continue
    const answer = await client.headManifest(repository, tag)
    if (answer.headers.get('docker-content-digest') !== pushed.manifest.digest) lost.push(`${repository}:${tag} ${answer.status}`)
    for (const { digest } of blobsOf(pushed)) {
      const got = await client.getBlob(repository, digest)
      if (got.status !== 200) lost.push(`${repository}@${digest} ${got.status}`)
      await got.bytes()
    }
  }
  return lost
}
