import { expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { AccessRegistry } from '../support/access-registry.ts'
import { someOf, triesAll } from '../support/effort.ts'
import { contentOf, descriptorOf, type Image, jsonContent } from '../support/images.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { poll } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(600_000)

/** The check of the takeover has 3,000; every run has a tenth of them. */
const MANIFESTS = triesAll ? 3_000 : 300
const REPOSITORIES = 10
const AT_ONCE = 16
const WAIT_MS = 300_000
const OCI = 'application/vnd.oci.image.manifest.v1+json'
const ACCESS = `  rules:
    - {who: [authenticated], repositories: ['**'], can: [pull, push, list]}
`
const API = '/api/v1/repositories'

const layer = contentOf('application/vnd.oci.image.layer.v1.tar+gzip', new TextEncoder().encode('the layer of all'))
const PUSHES = Array.from({ length: MANIFESTS }, (_, number) => ({
  repository: `team/app-${number % REPOSITORIES}`,
  tag: `v${number}`,
  image: imageOf(number),
}))

function imageOf(number: number): Image {
  const config = jsonContent('application/vnd.oci.image.config.v1+json', {
    ...{ os: 'linux', architecture: number % 2 === 0 ? 'amd64' : 'arm64', created: new Date(1e12 + number * 1e6).toISOString() },
    config: { Labels: { 'org.opencontainers.image.description': `Image ${number}` }, Env: [`V${number}=secret`] },
  })
  const body = { schemaVersion: 2, mediaType: OCI, config: descriptorOf(config), layers: [descriptorOf(layer)] }
  return { config, layers: [layer], manifest: jsonContent(OCI, body) }
}

describeWith({ programs: [PEER_PROGRAM] }, 'a takeover', () => {
  test('of a directory of registry:2 knows of its images what a push tells, and all of it again when the database is lost', async () => {
    using folder = new TemporaryFolder({ inMemory: true })
    await using resources = new AsyncDisposableStack()
    const pushed = resources.use(await berthOn(folder.join('pushed')))
    await pushed.addUser('alice', 'a-long-secret')
    await pushAll(clientOf(pushed))
    {
      const peer = await startPeer({ folder, dataDirectory: folder.join('data') })
      await pushAll(new RegistryClient(peer.url))
      await peer[Symbol.asyncDispose]()
    }
    await allRead(pushed)
    const expected = await factsOf(clientOf(pushed))
    expect(expected.tags).toHaveLength(MANIFESTS)

    let berth = await berthOn(folder.join('data'))
    await berth.addUser('alice', 'a-long-secret')
    await allRead(berth)
    expect(await factsOf(clientOf(berth))).toEqual(expected)
    await remarkAndPull(clientOf(berth))
    await berth[Symbol.asyncDispose]()
    // What is written as a process ends is recorded as the next one begins.
    berth = await berthOn(folder.join('data'))
    await poll('the pulls are recorded', WAIT_MS, async () => existsSync(folder.join('data/berth/v1/pulls')) || undefined)
    const said = await saidOf(clientOf(berth))
    await berth[Symbol.asyncDispose]()

    for (const name of readdirSync(folder.join('data/berth')))
      if (name.startsWith('metadata.db')) rmSync(folder.join(`data/berth/${name}`))
    berth = resources.use(await berthOn(folder.join('data')))
    await allRead(berth)

    expect(await factsOf(clientOf(berth))).toEqual(expected)
    expect(said).toMatchObject({ description: 'Described by hand', stars: 1, starred: true, pulls: { total: 3 } })
    await poll('what was said and counted is there', WAIT_MS, async () => {
      const { pulls, stars } = await saidOf(clientOf(berth))
      return pulls.total > 0 && stars === 1 ? true : undefined
    })
    expect(await saidOf(clientOf(berth))).toEqual(said)
  })
})

async function berthOn(root: string): Promise<AccessRegistry> {
  return await AccessRegistry.start({ access: ACCESS, storage: `  filesystem: {rootdirectory: ${root}}\n` })
}

function clientOf(berth: AccessRegistry): RegistryClient {
  return berth.basic('alice', 'a-long-secret')
}

async function pushAll(client: RegistryClient): Promise<void> {
  for (const { repository } of PUSHES.slice(0, REPOSITORIES)) await client.pushBlob(repository, layer)
  for (let start = 0; start < PUSHES.length; start += AT_ONCE)
    await Promise.all(
      PUSHES.slice(start, start + AT_ONCE).map(async ({ repository, tag, image }) => {
        await client.pushBlob(repository, image.config)
        await expectStatus(await client.putManifest(repository, tag, image.manifest), 201)
      }),
    )
}

/** Everything was scanned, and the facts of the last image were read. */
async function allRead(berth: AccessRegistry): Promise<void> {
  const client = clientOf(berth)
  await poll('all facts are read', WAIT_MS, async () => {
    const response = await client.request('GET', `${API}/team/app-0/storage`)
    if (response.status !== 200 || ((await response.json()) as { own: number | null }).own === null) return undefined
    const { tags } = await factsOf(client)
    return tags.length === MANIFESTS && tags.every(({ created }) => created !== null) ? true : undefined
  })
}

interface ShownTag {
  readonly name: string
  readonly created: string | null
}

async function json<Answer>(client: RegistryClient, path: string): Promise<Answer> {
  return (await (await expectStatus(await client.request('GET', path), 200)).json()) as Answer
}

const SHOWN = someOf('images whose facts are compared', PUSHES, 30)

/** What does not depend on how it came there. */
async function factsOf(client: RegistryClient) {
  const tags: ShownTag[] = []
  for (let number = 0; number < REPOSITORIES; number += 1) {
    const listed = await json<{ tags: (ShownTag & Record<string, unknown>)[]; more: boolean }>(
      client,
      `${API}/team/app-${number}/tags?n=1000`,
    )
    expect(listed.more).toBe(false)
    tags.push(...listed.tags.map(({ moved: _, pulls: __, ...tag }) => tag))
  }
  const images: unknown[] = []
  for (const { repository, tag } of SHOWN) {
    const { pulls: _, ...image } = await json<Record<string, unknown>>(client, `${API}/${repository}/image?tag=${tag}`)
    images.push(image)
  }
  const uses: unknown[] = []
  for (let number = 0; number < REPOSITORIES; number += 1) uses.push(await json(client, `${API}/team/app-${number}/storage`))
  return { tags, images, uses }
}

async function remarkAndPull(client: RegistryClient): Promise<void> {
  await expectStatus(await client.request('PUT', `${API}/team/app-0/description?text=Described%20by%20hand`), 200)
  await expectStatus(await client.request('PUT', `${API}/team/app-0/star`), 200)
  for (let pull = 0; pull < 3; pull += 1) await expectStatus(await client.getManifest('team/app-0', 'v0'), 200)
}

async function saidOf(client: RegistryClient) {
  const said = await json<Record<string, unknown> & { pulls: { total: number } }>(client, `${API}/team/app-0`)
  const { tags } = await json<{ tags: { pulls: unknown }[] }>(client, `${API}/team/app-0/tags?sort=pulls&n=1`)
  const { description, stars, starred, pulls } = said
  return { description, stars, starred, pulls, most: tags.map((tag) => tag.pulls) }
}
