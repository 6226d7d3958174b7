import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { AccessRegistry } from '../support/access-registry.ts'
import { busyboxArchive } from '../support/busybox-archive.ts'
import { curl, type DeletingClient, deletingClients, passwordOf } from '../support/deleting-clients.ts'
import { DOCKER_PROGRAMS, DockerDaemon } from '../support/docker-daemon.ts'
import { someOf } from '../support/effort.ts'
import { GO } from '../support/go-program.ts'
import { describeOnStores, STORE_START_MS, s3Section } from '../support/object-store.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { type Outcome, run } from '../support/processes.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { digestOf } from '../support/registry-lab.ts'
import { describeWith } from '../support/requirements.ts'
import type { S3Place } from '../support/s3-client.ts'

/** Each kind of deletion by each client that has a word for it: looked at, refused to who may not, done and undone. */

const TEST_MS = 120_000
const BUILD_MS = 20 * 60_000
const USERS = ['reader', 'writer', 'owner'] as const
const MAY_NOT = ['reader', 'writer'] as const
const ACCESS = `  rules:
    - {who: ['user:owner'], repositories: ['team/**'], can: [pull, push, delete, list]}
    - {who: ['user:writer'], repositories: ['team/**'], can: [pull, push, list]}
    - {who: ['user:reader'], repositories: ['team/**'], can: [pull, list]}
`
const PROGRAMS = [...DOCKER_PROGRAMS, 'busybox', 'curl', 'skopeo', 'tar', PEER_PROGRAM, GO]

const CLIENTS = ['crane', 'regctl', 'skopeo', 'curl']
/** Those that delete more than one image at once. */
const OPERATORS = ['berth', 'curl']

describeWith({ programs: PROGRAMS, root: true }, 'deletions by clients', () => {
  const deleting = (place: string): Deleting => ({
    names: someOf(`clients that delete in a ${place}`, CLIENTS, 2),
    operators: someOf(`operators that delete in a ${place}`, OPERATORS, 1),
  })
  // A bucket has the other server and the other storage; what a client sends is the same there.
  for (const place of someOf('storages in which clients delete', ['directory', 'bucket'] as const, 1)) {
    if (place === 'directory') describe('of a directory', () => define(deleting(place), async () => undefined))
    else describeOnStores('of a bucket', (store) => define(deleting(place), async () => await store().newBucket()), ['versitygw'])
  }
})

interface Deleting {
  readonly names: readonly string[]
  readonly operators: readonly string[]
}

function define({ names, operators }: Deleting, newBucket: () => Promise<S3Place | undefined>): void {
  const resources = new AsyncDisposableStack()
  let bucket: S3Place | undefined
  let registry: AccessRegistry
  let daemon: DockerDaemon
  let clients: readonly DeletingClient[]
  /** The tags that each repository has in the end. */
  const left = new Map<string, readonly string[]>()

  beforeAll(async () => {
    bucket = await newBucket()
    const storage = bucket === undefined ? {} : { storage: `${s3Section(bucket)}  redirect: {disable: true}` }
    registry = resources.use(await AccessRegistry.start({ access: ACCESS, ...storage }))
    for (const user of USERS) await registry.addUser(user, passwordOf(user))
    clients = await deletingClients(registry)
    daemon = resources.use(await DockerDaemon.start(registry.folder))
    const archive = await busyboxArchive(registry.folder)
    for (const name of ['one', 'two']) await daemon.docker('import', '--change', `LABEL is=${name}`, archive, name)
    const login = ['docker', 'login', '--username', 'owner', '--password-stdin', registry.address]
    const { exitCode } = await run(login, { environment: daemon.environment, stdin: new Blob([passwordOf('owner')]) })
    expect(exitCode).toBe(0)
  }, BUILD_MS + STORE_START_MS)
  afterAll(async () => await resources.disposeAsync(), TEST_MS)

  const named = (name: string) => clients.find((client) => client.name === name) as DeletingClient

  /** By Docker: `v1` and `v2` on one image, `latest` on another. Gives the digest of the first. */
  async function pushed(repository: string): Promise<string> {
    const name = `${registry.address}/${repository}`
    for (const [image, tag] of [
      ['one', 'v1'],
      ['one', 'v2'],
      ['two', 'latest'],
    ] as const)
      await daemon.docker('tag', image, `${name}:${tag}`)
    await daemon.docker('push', `${name}:latest`)
    const digest = digestOf(await daemon.docker('push', `${name}:v1`))
    await daemon.docker('push', `${name}:v2`)
    return digest
  }

  /** What Docker gets for each tag, with nothing of the image left on its side: a digest, or what it says. */
  async function pulled(repository: string, ...tags: readonly string[]): Promise<Readonly<Record<string, string>>> {
    const got: Record<string, string> = {}
    for (const tag of tags) {
      const name = `${registry.address}/${repository}:${tag}`
      await daemon.tryDocker('image', 'rm', name)
      const { exitCode, stdout, stderr } = await daemon.tryDocker('pull', name)
      got[tag] = exitCode === 0 ? digestOf(stdout) : (/not found|manifest unknown/.exec(stderr)?.[0] ?? stderr)
    }
    return got
  }

  const api = async (method: string, path: string) =>
    JSON.parse(succeeded(await curl(registry, 'owner', method, `/api/v1/repositories/${path}`)))
  const tagsOf = async (repository: string) => (await named('curl').tags('owner', repository)).toSorted()

  describe.each(names)('%s', (name) => {
    test.each(['tag', 'manifest'])(
      'deletes a %s for who may, as it was shown before, and it comes back',
      async (kind) => {
        const client = named(name)
        const repository = `team/${name}-${kind}`
        const digest = await pushed(repository)
        const image = kind === 'tag' ? `${repository}:v1` : `${repository}@${digest}`
        const goes = kind === 'tag' ? client.deletesByTag : 'manifest'
        const query = goes === 'tag' ? 'tag=v1' : `digest=${digest}`

        const shown = await api('GET', `${repository}/deletion?${query}`)
        const refused = MAY_NOT.filter((user) => kind !== 'tag' || user !== client.replacesTagOf)
        const refusals = await Promise.all(refused.map((user) => client.delete(user, image)))
        const kept = await tagsOf(repository)
        succeeded(await client.delete('owner', image))
        const [rest, gone] = [await tagsOf(repository), await pulled(repository, 'v1', 'v2')]
        const back = await registry.berth(['undelete', `${repository}${goes === 'tag' ? ':v1' : `@${digest}`}`])

        for (const { exitCode, stdout, stderr } of refusals)
          expect([exitCode === 0, stdout + stderr]).toEqual([false, expect.stringMatching(/denied|forbidden|unauthorized/i)])
        expect(kept).toEqual(['latest', 'v1', 'v2'])
        const shownTags = shown.goes.flatMap(({ tag }: { tag?: string }) => tag ?? [])
        expect(rest).toEqual(kept.filter((tag) => !shownTags.includes(tag)))
        expect([shown.tags, shown.manifests]).toEqual(goes === 'tag' ? [1, 0] : [2, 1])
        expect(gone).toEqual({ v1: 'not found', v2: goes === 'tag' ? digest : 'not found' })
        expect(back).toContain(`back      ${repository}:v1`)
        expect(await client.tags('reader', repository)).toEqual(['latest', 'v1', 'v2'])
        expect(await pulled(repository, 'v1', 'v2')).toEqual({ v1: digest, v2: digest })
        succeeded(await client.delete('owner', image))
        left.set(repository, rest)
      },
      TEST_MS,
    )
  })

  describe.each(operators)('%s', (name) => {
    test.each([
      ['a repository', '', ''],
      ['a pattern of tags', '?tags=v*', 'v*'],
    ])(
      'deletes %s as it was shown before, and every client sees it go and come back',
      async (_, query, pattern) => {
        const repository = `team/${name}-${pattern === '' ? 'all' : 'some'}`
        const digest = await pushed(repository)
        const words = [repository, ...(pattern === '' ? [] : ['--tags', pattern])]
        const rest = pattern === '' ? [] : ['latest']
        const path = `${repository}/deletion${query}`

        const look = name === 'berth' ? await registry.berth(['delete', ...words]) : await api('GET', path)
        const refusals = await Promise.all(
          MAY_NOT.map((user) => curl(registry, user, 'POST', `/api/v1/repositories/${path}${query ? '&' : '?'}token=none`)),
        )
        const kept = await tagsOf(repository)
        if (name === 'berth') await registry.berth(['delete', ...words, '--token', / --token (\w+)$/m.exec(look)?.[1] ?? ''])
        else await api('POST', `${path}${query === '' ? '?' : '&'}token=${look.token}`)
        const gone = await pulled(repository, 'v1', 'latest')
        const seen = pattern === '' ? [] : await Promise.all(clients.map((client) => client.tags('reader', repository)))
        const undone =
          name === 'berth' ? await registry.berth(['undelete', repository]) : await api('POST', `${repository}/undelete`)

        expect(refusals.map(({ exitCode, stdout }) => [exitCode, /"code":"(\w+)"/.exec(stdout)?.[1]])).toEqual([
          [22, 'DENIED'],
          [22, 'DENIED'],
        ])
        expect(kept).toEqual(['latest', 'v1', 'v2'])
        expect(JSON.stringify(look)).toContain(pattern === '' ? 'latest' : 'v2')
        expect(gone).toEqual({ v1: 'not found', latest: pattern === '' ? 'not found' : expect.stringMatching(/^sha256:/) })
        expect(seen).toEqual(seen.map(() => rest))
        expect(JSON.stringify(undone)).toContain('v2')
        expect(await Promise.all(clients.map((client) => client.tags('reader', repository)))).toEqual(
          clients.map(() => ['latest', 'v1', 'v2']),
        )
        expect(await pulled(repository, 'v1', 'v2')).toEqual({ v1: digest, v2: digest })
        await registry.berth(['delete', ...words, '--yes'])
        left.set(repository, rest)
      },
      TEST_MS,
    )
  })

  test(
    'regctl, where it may push and not delete, puts an empty image in the place of the tag, and the history takes that back',
    async () => {
      const digest = await pushed('team/replaced')

      const { exitCode } = await named('regctl').delete('writer', 'team/replaced:v1')
      const moved = await registry.basic('owner', passwordOf('owner')).headManifest('team/replaced', 'v1')
      await registry.berth(['tag', 'restore', 'team/replaced:v1', '--back', '1'])

      expect([exitCode === 0, moved.status, moved.headers.get('docker-content-digest') === digest]).toEqual([false, 200, false])
      expect(await pulled('team/replaced', 'v1')).toEqual({ v1: digest })
      left.set('team/replaced', ['latest', 'v1', 'v2'])
    },
    TEST_MS,
  )

  test(
    'registry:2 finds afterwards what Berth says is there, and nothing else',
    async () => {
      const digest = await pushed('team/whole')
      left.set('team/whole', ['latest', 'v1', 'v2'])
      const before = await shownBy(registry.basic('owner', passwordOf('owner')), [...left.keys()], digest)
      await registry.stop()

      await using peer = await startPeer({
        folder: registry.folder,
        dataDirectory: bucket ?? registry.folder.join('data'),
      })

      expect(await shownBy(new RegistryClient(peer.url), [...left.keys()], digest)).toEqual(before)
      expect(new Map(Object.entries(before).map(([repository, { tags }]) => [repository, tags]))).toEqual(left)
      expect(before['team/whole']).toMatchObject({ v1: digest, v2: digest })
    },
    TEST_MS,
  )
}

interface Shown {
  readonly tags: readonly string[]
  /** Of a tag: a digest, or the status that is none. */
  readonly [tag: string]: unknown
}

/** The tags of each repository, what three of them lead to, and whether the manifest is there by its digest, with all that it names. */
async function shownBy(
  client: RegistryClient,
  repositories: readonly string[],
  digest: string,
): Promise<Readonly<Record<string, Shown>>> {
  const all: Record<string, Shown> = {}
  for (const repository of repositories) {
    const list = await client.request('GET', `/v2/${repository}/tags/list`)
    const { tags } = (await list.json()) as { tags?: string[] | null }
    const leads: Record<string, unknown> = {}
    for (const reference of ['v1', 'v2', 'latest', digest]) {
      const response = await client.headManifest(repository, reference)
      leads[reference] = response.headers.get('docker-content-digest') ?? response.status
    }
    const manifest = await client.getManifest(repository, digest)
    if (manifest.status === 200) await expectWhole(client, repository, await manifest.json())
    all[repository] = { ...leads, tags: (tags ?? []).toSorted() }
  }
  return all
}

async function expectWhole(client: RegistryClient, repository: string, manifest: unknown): Promise<void> {
  const { config, layers } = manifest as { config: { digest: string }; layers: { digest: string }[] }
  for (const { digest } of [config, ...layers]) expect((await client.headBlob(repository, digest)).status).toBe(200)
}

function succeeded({ exitCode, stdout, stderr }: Outcome): string {
  expect([exitCode, exitCode === 0 ? '' : stdout + stderr]).toEqual([0, ''])
  return stdout
}
