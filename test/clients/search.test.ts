import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { AccessRegistry } from '../support/access-registry.ts'
import { ContainersTools } from '../support/containers-tools.ts'
import { DOCKER_PROGRAMS, DockerDaemon } from '../support/docker-daemon.ts'
import { run } from '../support/processes.ts'
import { RegistryClient } from '../support/registry-client.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { startRegistry } from '../support/registry-under-test.ts'
import { describeWith } from '../support/requirements.ts'
import { pushSearched, SEARCHED } from '../support/searched-images.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const THRIFT = ['thrift', 'thrift/thrift-compiler', 'thrift/ubuntu', 'apache/thrift', 'evarga/thrift', 'itzg/thrift'].concat([
  ...['randyabernethy/thrift-book', 'whiteworld/thrift', 'zezuladp/thrift', 'tools/idl'],
])
const MONGODB = ['library/mongodb', ...Array.from({ length: 9 }, (_, number) => `user${number}/mongodb`)]
const ACCESS = `  rules:
    - {who: ['user:operator'], repositories: ['**'], can: [pull, push, list]}
    - {who: ['user:alice'], repositories: ['team/**', 'public/**'], can: [pull, list]}
`
const OPEN = `    - {who: [anonymous], repositories: ['public/**'], can: [pull, list]}
`
const LIKED = `  rules:
    - {who: [authenticated], repositories: ['**'], can: [pull, push, list]}
`
const AUTOMATED = ['user2/mysql', 'user4/mysql', 'user0/redis']
const REDIS = ['library/redis', ...[0, 1, 2, 4].map((number) => `user${number}/redis`)]
const HIDDEN = { 'team/app': 'An app of the team', 'public/app': 'An app for all', 'secret/app': 'An app for nobody' }

describeWith({ programs: [...DOCKER_PROGRAMS, 'podman'], root: true }, 'a search', () => {
  const resources = new AsyncDisposableStack()
  let folder: TemporaryFolder
  let daemon: DockerDaemon
  let tools: ContainersTools

  beforeAll(async () => {
    folder = resources.use(new TemporaryFolder())
    daemon = resources.use(await DockerDaemon.start(folder))
    tools = await ContainersTools.create(folder)
  })
  afterAll(async () => await resources.disposeAsync())

  const lines = (text: string) => text.split('\n').filter((line) => line !== '')
  const docker = async (term: string, ...words: readonly string[]) =>
    lines(await daemon.docker('search', ...words, '--format', '{{.Name}}', term))
  const podman = async (term: string, ...words: readonly string[]) =>
    lines(await tools.run('podman', 'search', '--tls-verify=false', ...words, '--format', '{{.Name}}', term))

  describe('of 60 images', () => {
    let registry: RegistryProcess

    beforeAll(async () => {
      expect(Object.keys(SEARCHED)).toHaveLength(60)
      registry = resources.use(await startRegistry({ folder, dataDirectory: folder.join('data') }))
      await pushSearched(new RegistryClient(registry.url))
    })

    test('by Docker shows a table like that of the registry lab', async () => {
      const table = await daemon.docker('search', `${registry.address}/thrift`)

      const [head = '', first = '', ...others] = lines(table)
      expect(head.split(/ {2,}/).map((word) => word.trim())).toEqual(['NAME', 'DESCRIPTION', 'STARS', 'OFFICIAL'])
      expect(first).toMatch(/^thrift +Thrift is a framework for generating clien\S* +0 *$/)
      expect(others.map((line) => line.split(' ', 1)[0])).toEqual(THRIFT.slice(1))
      expect(others.find((line) => line.startsWith('thrift/ubuntu'))).toMatch(/^thrift\/ubuntu +0 *$/)
    })

    test('by Docker shows all that the image says with --no-trunc', async () => {
      const table = await daemon.docker('search', '--no-trunc', `${registry.address}/thrift`)

      expect(table).toContain(`${SEARCHED.thrift}`)
    })

    test('by Docker takes --limit and --format', async () => {
      const format = '{{.Name}}|{{.Description}}|{{.StarCount}}|{{.IsOfficial}}'
      const five = await daemon.docker('search', '--limit', '5', '--format', format, `${registry.address}/mongodb`)

      expect(lines(five)).toEqual([
        'library/mongodb|The official image of mongodb|0|[OK]',
        ...[0, 1, 2, 3].map((number) => `user${number}/mongodb|An image of mongodb, number ${number}|0|`),
      ])
      expect(await docker(`${registry.address}/mongodb`)).toEqual(MONGODB)
      expect(await docker(`${registry.address}/image of`, '--limit', '100')).toHaveLength(50)
    })

    test('by Docker takes the filters of the registry lab', async () => {
      const filtered = async (term: string, filter: string) => await docker(`${registry.address}/${term}`, '--filter', filter)

      expect(await filtered('mysql', 'is-automated=true')).toEqual([])
      expect(await filtered('mysql', 'is-automated=false')).toHaveLength(10)
      expect(await filtered('postgres', 'is-official=true')).toEqual(['library/postgres'])
      expect(await filtered('postgres', 'is-official=false')).toHaveLength(9)
      expect(await filtered('redis', 'stars=5')).toEqual([])
      expect(await filtered('redis', 'stars=0')).toHaveLength(10)
    })

    test('by Docker finds what an image says of itself, and a part of a name with a slash', async () => {
      expect(await docker(`${registry.address}/generator tool`)).toEqual(['itzg/thrift'])
      expect(await docker(`${registry.address}/user7/my`)).toEqual(['user7/mysql'])
      expect(await docker(`${registry.address}/library/redis`)).toEqual(['library/redis'])
      expect(await docker(`${registry.address}/nothing-like-it`)).toEqual([])
    })

    test('by podman shows the same, with its limit and its filters', async () => {
      const named = (names: readonly string[]) => names.map((name) => `${registry.address}/${name}`)

      expect(await podman(`${registry.address}/thrift`)).toEqual(named(THRIFT))
      expect(await podman(`${registry.address}/mongodb`, '--limit', '5')).toEqual(named(MONGODB.slice(0, 5)))
      expect(await podman(`${registry.address}/postgres`, '--filter', 'is-official=true')).toEqual(named(['library/postgres']))
      expect(await podman(`${registry.address}/mysql`, '--filter', 'is-automated=true')).toEqual([])
      expect(await podman(`${registry.address}/redis`, '--filter', 'stars=5')).toEqual([])
      const json = await tools.run('podman', 'search', '--tls-verify=false', '--format=json', `${registry.address}/compiles`)
      expect(JSON.parse(json)).toMatchObject([
        { Name: `${registry.address}/tools/idl`, Description: 'Compiles interfaces of Thrift' },
      ])
    })
  })

  describe('of 60 images that robots have pushed and users like', () => {
    let registry: AccessRegistry

    beforeAll(async () => {
      registry = resources.use(await AccessRegistry.start({ access: LIKED }))
      const robot = registry.basic('ci', await registry.addRobot('ci'))
      const byRobot = Object.entries(SEARCHED).filter(([name]) => AUTOMATED.includes(name))
      await registry.addUser('user1', 'a-long-secret')
      await pushSearched(registry.basic('user1', 'a-long-secret'))
      await pushSearched(robot, Object.fromEntries(byRobot.map(([name, text]) => [name, `${text} again`])))
      for (const number of [1, 2, 3, 4, 5]) {
        if (number > 1) await registry.addUser(`user${number}`, 'a-long-secret')
        const client = registry.basic(`user${number}`, 'a-long-secret')
        const liked = number > 1 ? ['user3/redis', 'library/redis'] : ['user3/redis']
        for (const name of liked) expect((await client.request('PUT', `/api/v1/repositories/${name}/star`)).status).toBe(200)
      }
      const words = ['docker', 'login', '--username', 'user1', '--password-stdin', registry.address]
      expect(await run(words, { environment: daemon.environment, stdin: new Blob(['a-long-secret']) })).toMatchObject({
        exitCode: 0,
      })
    })

    test('by Docker takes the filters and the limit of the registry lab', async () => {
      const filtered = async (term: string, ...words: readonly string[]) => await docker(`${registry.address}/${term}`, ...words)

      expect(await filtered('redis', '--filter', 'stars=5')).toEqual(['user3/redis'])
      expect(await filtered('redis', '--filter', 'stars=4')).toEqual(['user3/redis', 'library/redis'])
      expect(await filtered('redis', '--filter', 'stars=6')).toEqual([])
      expect(await filtered('mysql', '--filter', 'is-automated=true')).toEqual(AUTOMATED.slice(0, 2))
      expect(await filtered('mysql', '--filter', 'is-automated=false')).toHaveLength(8)
      expect(await filtered('postgres', '--filter', 'is-official=true')).toEqual(['library/postgres'])
      expect(await filtered('redis', '--limit', '5')).toEqual(['user3/redis', ...REDIS.slice(0, 4)])
    })

    test('by podman, which sends its login to the catalog alone, finds names, and has no stars or signs to filter by', async () => {
      const { address } = registry
      const words = ['login', '--tls-verify=false', '--username=user1', '--password=a-long-secret']
      const filtered = async (term: string, ...more: readonly string[]) =>
        (await podman(`${address}/${term}`, ...more)).map((name) => name.slice(address.length + 1)).toSorted()
      expect(await refusedOr(() => filtered('redis'))).toEqual([])
      await tools.run('podman', ...words, address)

      expect(await filtered('redis')).toEqual([
        'library/redis',
        ...Array.from({ length: 9 }, (_, number) => `user${number}/redis`),
      ])
      expect(await filtered('redis', '--limit', '5')).toHaveLength(5)
      expect(await filtered('thrift')).toEqual(THRIFT.filter((name) => name.includes('thrift')).toSorted())
      for (const filter of ['stars=5', 'is-official=true', 'is-automated=true'])
        expect([filter, await filtered('redis', '--filter', filter)]).toEqual([filter, []])
      await tools.run('podman', 'logout', address)
    })

    test('by Docker shows the stars, and the descriptions that were set by hand', async () => {
      const format = '{{.Name}}|{{.Description}}|{{.StarCount}}|{{.IsOfficial}}'
      const described = await registry.berth(['describe', 'user3/redis', 'Redis as we run it'])

      expect(described).toBe('user3/redis is described: Redis as we run it\n')
      const found = await daemon.docker('search', '--limit', '2', '--format', format, `${registry.address}/redis`)
      expect(lines(found)).toEqual(['user3/redis|Redis as we run it|5|', 'library/redis|The official image of redis|4|[OK]'])
    })
  })

  describe.each([
    ['where nothing is seen without a login', ACCESS, []],
    ['where a part is seen without a login', ACCESS + OPEN, ['public/app']],
  ] as const)('%s', (_, access, publicNames) => {
    let registry: AccessRegistry

    beforeAll(async () => {
      registry = resources.use(await AccessRegistry.start({ access }))
      for (const user of ['operator', 'alice']) await registry.addUser(user, 'a-long-secret')
      await pushSearched(registry.basic('operator', 'a-long-secret'), HIDDEN)
    })

    test('Docker shows what its user may see, and without a login what every caller may', async () => {
      const { address } = registry
      const logIn = async (user: string) => {
        const words = ['docker', 'login', '--username', user, '--password-stdin', address]
        expect(await run(words, { environment: daemon.environment, stdin: new Blob(['a-long-secret']) })).toMatchObject({
          exitCode: 0,
        })
      }

      expect(await refusedOr(() => docker(`${address}/app`))).toEqual(publicNames)
      await logIn('alice')
      expect(await docker(`${address}/app`)).toEqual(['public/app', 'team/app'])
      await logIn('operator')
      expect(await docker(`${address}/app`)).toEqual(['public/app', 'secret/app', 'team/app'])
      await daemon.docker('logout', address)
      expect(await refusedOr(() => docker(`${address}/app`))).toEqual(publicNames)
    })

    test('podman does the same', async () => {
      const { address } = registry
      const named = (names: readonly string[]) => names.map((name) => `${address}/${name}`)
      const words = ['login', '--tls-verify=false', '--username=alice', '--password=a-long-secret']

      expect(await refusedOr(() => podman(`${address}/app`))).toEqual(named(publicNames))
      await tools.run('podman', ...words, address)
      expect((await podman(`${address}/app`)).toSorted()).toEqual(named(['public/app', 'team/app']))
      await tools.run('podman', 'logout', address)
      expect(await refusedOr(() => podman(`${address}/app`))).toEqual(named(publicNames))
    })
  })
})

/** A client says that it was refused, or finds nothing. */
async function refusedOr(search: () => Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await search()
  } catch (error) {
    expect(String(error)).toMatch(/401|nauthorized|authentication required/)
    return []
  }
}
