import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import fc from 'fast-check'
import { listen } from '../../src/http/server/server.ts'
import { sha256 } from '../support/images.ts'
import { expectSound, inTime } from '../support/model-answers.ts'
import { BLOBS, MANIFESTS, type ModelManifest, TAGS } from '../support/model-content.ts'
import { at, bytesOf, type RequestFields } from '../support/model-requests.ts'
import { PROPERTY_TIMEOUT_MS, runs } from '../support/property-runs.ts'
import { type RestartableOptions, RestartableRegistry } from '../support/restartable-registry.ts'

setDefaultTimeout(PROPERTY_TIMEOUT_MS)

/** Few names, so that the requests get in each other's way. */
const REPOSITORIES = ['a', 'b'] as const
const SOME_TAGS = TAGS.slice(0, 2)
const SOME_MANIFESTS = MANIFESTS.slice(0, 6)

const repository = fc.constantFrom(...REPOSITORIES, REPOSITORIES[0])
const manifest = fc.constantFrom(...SOME_MANIFESTS.keys())
const blob = fc.constantFrom(...BLOBS.keys())
const tag = fc.constantFrom(...SOME_TAGS)
const task = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('push' as const), repository, manifest, tag }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('retag' as const), repository, manifest, tag }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('mount' as const), repository, blob }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('push in chunks' as const), repository, blob }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete manifest' as const), repository, manifest }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete tag' as const), repository, tag }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete blob' as const), repository, blob }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('list' as const), repository }) },
)
type Task = typeof task extends fc.Arbitrary<infer Drawn> ? Drawn : never
/** What each of some clients does, one thing after the other; the clients run at once. */
const clients = fc.array(fc.array(task, { maxLength: 12, size: 'max' }), { minLength: 2, maxLength: 6, size: 'max' })
/** Clients, a restart, and clients again while the storage is still being looked at. */
const lives = fc.record({
  first: clients,
  restart: fc.record({ database: fc.constantFrom('kept', 'gone'), maintenance: fc.constantFrom('on', 'off') }),
  second: clients,
})
type Lives = typeof lives extends fc.Arbitrary<infer Drawn> ? Drawn : never

class Client {
  readonly #registry: RestartableRegistry

  constructor(registry: RestartableRegistry) {
    this.#registry = registry
  }

  /** Any answer will do that is no failure of the registry. */
  async send(method: string, path: string, fields: RequestFields = {}) {
    const response = await inTime(this.#registry.request(method, path, fields), `${method} ${path}`)
    return { response, body: await expectSound(method, response) }
  }

  async do(task: Task): Promise<void> {
    switch (task.do) {
      case 'push':
        return await this.#push(task.repository, at(SOME_MANIFESTS, task.manifest), task.tag)
      case 'retag':
        return await this.#put(task.repository, at(SOME_MANIFESTS, task.manifest), task.tag)
      case 'mount': {
        const other = REPOSITORIES.find((name) => name !== task.repository)
        return void (await this.send(
          'POST',
          `/v2/${task.repository}/blobs/uploads/?mount=${at(BLOBS, task.blob).digest}&from=${other}`,
        ))
      }
      case 'push in chunks':
        return await this.#pushInChunks(task.repository, at(BLOBS, task.blob))
      case 'delete manifest':
        return void (await this.send('DELETE', `/v2/${task.repository}/manifests/${digestOf(at(SOME_MANIFESTS, task.manifest))}`))
      case 'delete tag':
        return void (await this.send('DELETE', `/v2/${task.repository}/manifests/${task.tag}`))
      case 'delete blob':
        return void (await this.send('DELETE', `/v2/${task.repository}/blobs/${at(BLOBS, task.blob).digest}`))
      case 'list':
        await this.send('GET', `/v2/${task.repository}/tags/list`)
        return void (await this.send('GET', '/v2/_catalog'))
    }
  }

  async #push(repository: string, manifest: ModelManifest, tag: string): Promise<void> {
    for (const digest of manifest.required) {
      const blob = BLOBS.find((candidate) => candidate.digest === digest)
      const child = MANIFESTS.find((candidate) => digestOf(candidate) === digest)
      const fields = blob === undefined || blob.bytes.length === 0 ? {} : { body: blob.bytes.slice() }
      if (blob !== undefined) await this.send('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, fields)
      if (child !== undefined) await this.#push(repository, child, digest)
    }
    await this.#put(repository, manifest, tag)
  }

  async #put(repository: string, { bytes, mediaType }: ModelManifest, reference: string): Promise<void> {
    const fields = { headers: { 'Content-Type': mediaType }, body: bytes.slice() }
    await this.send('PUT', `/v2/${repository}/manifests/${reference}`, fields)
  }

  async #pushInChunks(repository: string, { digest, bytes }: { digest: string; bytes: Uint8Array }): Promise<void> {
    const { response } = await this.send('POST', `/v2/${repository}/blobs/uploads/`)
    const path = response.headers.get('location') ?? ''
    const chunk = bytes.length === 0 ? {} : { body: bytes.slice() }
    await this.send('PATCH', path, chunk)
    const closed = await this.send('PUT', `${path}?digest=${digest}`)
    expect(closed.response.status).toBe(201)
  }
}

function digestOf({ bytes }: ModelManifest): string {
  return sha256(bytes)
}

/** All that a client could find out, by the path that tells it. */
async function everything(registry: RestartableRegistry): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  const client = new Client(registry)
  const references = [...SOME_MANIFESTS.map(digestOf), ...SOME_TAGS]
  const paths = REPOSITORIES.flatMap((name) => [
    `/v2/${name}/tags/list`,
    ...references.map((reference) => `/v2/${name}/manifests/${reference}`),
    ...SOME_MANIFESTS.map((subject) => `/v2/${name}/referrers/${digestOf(subject)}`),
    ...BLOBS.map(({ digest }) => `/v2/${name}/blobs/${digest}`),
  ])
  for (const path of ['/v2/_catalog', ...paths]) {
    const { response, body } = await client.send('GET', path)
    const what = response.status === 200 ? `${response.headers.get('docker-content-digest')} ${sha256(body)}` : ''
    found[path] = `${response.status} ${what}`
  }
  return found
}

/** Every tag that is listed leads to a manifest that is there. */
async function expectTagsToLead(registry: RestartableRegistry): Promise<void> {
  const client = new Client(registry)
  for (const name of REPOSITORIES) {
    const { response, body } = await client.send('GET', `/v2/${name}/tags/list`)
    const { tags } = response.status === 200 ? JSON.parse(new TextDecoder().decode(body)) : { tags: [] }
    for (const listed of tags) {
      const found = await client.send('GET', `/v2/${name}/manifests/${listed}`)
      expect(`${listed}: ${found.response.status}`).toBe(`${listed}: 200`)
    }
  }
}

async function runAll(registry: RestartableRegistry, tasks: readonly (readonly Task[])[]): Promise<void> {
  const running = tasks.map(async (own) => {
    const client = new Client(registry)
    for (const next of own) await client.do(next)
  })
  await Promise.all(running)
}

async function expectOneTruth(options: RestartableOptions, { first, restart, second }: Lives): Promise<void> {
  await using registry = await RestartableRegistry.start(options)

  await runAll(registry, first)
  await registry.restart(restart)
  await runAll(registry, second)

  const found = await everything(registry)
  await expectTagsToLead(registry)
  await registry.restart({ database: 'kept', maintenance: 'off' })
  expect(await everything(registry)).toEqual(found)
  await registry.restart({ database: 'gone', maintenance: 'off' })
  expect(await everything(registry)).toEqual(found)
  expect(registry.log.lines.filter(({ level }) => level === 'error')).toEqual([])
}

describe('whatever clients do at once, metadata and storage tell the same in the end', () => {
  test.each([
    ['on a storage in memory', { storage: 'inmemory' }, 15],
    ['on a file system', { storage: 'filesystem' }, 8],
    ['over a socket', { storage: 'filesystem', server: listen }, 3],
  ] as const)('%s', async (_, options, usual) => {
    await fc.assert(
      fc.asyncProperty(lives, (drawn) => expectOneTruth(options, drawn)),
      runs(usual),
    )
  })
})

test('an upload that many requests write to at once is one of them, or refused', async () => {
  await using registry = await RestartableRegistry.start({ storage: 'inmemory' })
  const client = new Client(registry)
  const chunk = { headers: { 'Content-Range': '0-4' }, body: bytesOf('hello') }

  const property = fc.asyncProperty(fc.integer({ min: 2, max: 8 }), async (count) => {
    const { response } = await client.send('POST', '/v2/a/blobs/uploads/')
    const path = response.headers.get('location') ?? ''

    const answers = await Promise.all(Array.from({ length: count }, () => client.send('PATCH', path, chunk)))

    const taken = answers.filter((answer) => answer.response.status === 202)
    expect(taken.length).toBeGreaterThanOrEqual(1)
    for (const answer of answers) expect([202, 416]).toContain(answer.response.status)
    expect((await client.send('GET', path)).response.headers.get('range')).toBe('0-4')
    expect((await client.send('PUT', `${path}?digest=${sha256(bytesOf('hello'))}`)).response.status).toBe(201)
  })
  await fc.assert(property, runs(25))
})
