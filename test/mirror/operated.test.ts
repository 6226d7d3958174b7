import { expect, setDefaultTimeout, test } from 'bun:test'
import { type BerthProcess, startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { blobsOf, type Image, makeImage, makeImageIndex } from '../support/images.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { environmentIn, type Outcome, run } from '../support/processes.ts'
import { AuthorizedClient, expectStatus, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const IMAGE = makeImage('mirrored')
const INDEX = makeImageIndex([makeImage('amd64'), makeImage('arm64', { architecture: 'arm64' })])
const HTPASSWD = `robot:${Bun.password.hashSync('there', { algorithm: 'bcrypt', cost: 5 })}\n`
const AS_ROBOT = { authorization: `Basic ${Buffer.from('robot:there').toString('base64')}` }

async function push(client: RegistryClient, repository: string, { image = IMAGE, reference = 'latest' } = {}): Promise<void> {
  for (const blob of blobsOf(image)) await client.pushBlob(repository, blob)
  await expectStatus(await client.putManifest(repository, reference, image.manifest), 201)
}

async function pull(client: RegistryClient, repository: string, image: Image, reference = 'latest'): Promise<void> {
  const manifest = await expectStatus(await client.getManifest(repository, reference), 200)
  expect(Buffer.from(await manifest.bytes()).equals(image.manifest.bytes)).toBe(true)
  for (const blob of blobsOf(image)) {
    const answer = await expectStatus(await client.getBlob(repository, blob.digest), 200)
    expect(Buffer.from(await answer.bytes()).equals(blob.bytes)).toBe(true)
  }
}

async function berth(folder: TemporaryFolder, words: readonly string[]): Promise<Outcome> {
  return await run([BERTH_PROGRAM, ...words], { environment: environmentIn(folder.path) })
}

describeWith({ programs: [PEER_PROGRAM] }, 'mirrors of a registry:2 and of a Berth that gives tokens', () => {
  test('are pulled from by two processes, checked, shown, and given to registry:2', async () => {
    using folder = new TemporaryFolder()
    const data = folder.join('mirrors')
    const htpasswd = await folder.file('htpasswd', HTPASSWD)
    await using hub = await startPeer({ folder, dataDirectory: folder.join('hub') })
    const rules = `access: {rules: [{who: ['user:robot'], repositories: ['team/**'], can: [pull, push]}]}\n`
    const auth = `auth: {htpasswd: {realm: r, path: ${htpasswd}}}\n`
    await using other = await startBerth({ folder, dataDirectory: folder.join('other'), moreConfig: auth + rules })
    const hubClient = new RegistryClient(hub.url)
    await push(hubClient, 'library/app')
    for (const image of INDEX.images) await push(hubClient, 'library/app', { image, reference: image.manifest.digest })
    await expectStatus(await hubClient.putManifest('library/app', 'all', INDEX.manifest), 201)
    await push(new AuthorizedClient(other.url, AS_ROBOT), 'team/app')
    const moreConfig = `mirrors:
  - {prefix: docker.io, url: "${hub.url}"}
  - {prefix: other, url: ["${other.url}"], username: robot, password: there, public: true}
`
    {
      await using mirrors = await startBerth({ folder, dataDirectory: data, moreConfig, processes: 2 })
      const client = new RegistryClient(mirrors.url)

      await pull(client, 'docker.io/app', IMAGE)
      await pull(client, 'other/team/app', IMAGE)
      await push(client, 'mine/app')
      const index = await expectStatus(await client.getManifest('docker.io/library/app', 'all'), 200)
      expect(Buffer.from(await index.bytes()).equals(INDEX.manifest.bytes)).toBe(true)

      await expectWellOperated(folder, mirrors, { hub: hub.url, other: other.url })
    }
    await using peer = await startPeer({ folder, dataDirectory: data })
    for (const name of ['docker.io/library/app', 'other/team/app', 'mine/app'])
      await pull(new RegistryClient(peer.url), name, IMAGE)
  })
})

/** The children of an index that was pulled alone are not missed. */
async function expectWellOperated(
  folder: TemporaryFolder,
  { config }: BerthProcess,
  urls: { readonly hub: string; readonly other: string },
): Promise<void> {
  const checked = await berth(folder, ['check', config])
  const status = await berth(folder, ['status', config])
  const shown = await berth(folder, ['config', config])
  const explained = await berth(folder, ['check-config', config])

  expect(checked).toMatchObject({ exitCode: 0, stderr: expect.not.stringContaining('error') })
  expect(checked.stdout).not.toContain(INDEX.images[0]?.manifest.digest ?? '')
  expect(status.stdout).toContain(`mirrors     docker.io of ${urls.hub}\nmirrors     other of ${urls.other}\n`)
  expect(shown.stdout).toContain('robot')
  expect(shown.stdout).not.toContain('there')
  expect(explained.stdout).toContain('Berth starts with')
}

test('berth check-config names what keeps a file with mirrors from starting', async () => {
  using folder = new TemporaryFolder()
  const path = await folder.file(
    'config.yml',
    `version: 0.1
storage: {inmemory: {}}
mirrors:
  - {prefix: docker.io, url: "https://registry-1.docker.io", username: robot, password: hush}
  - {prefix: docker.io/library, url: "https://hub.example.com"}
`,
  )

  const { exitCode, stdout } = await berth(folder, ['check-config', path])

  expect(exitCode).toBe(1)
  expect(stdout).toContain('mirrors.0.username: "robot" would let every caller pull what it can pull there')
  expect(stdout).toContain('mirrors.1.prefix: "docker.io/library" and the prefix docker.io of another mirror overlap')
  expect(stdout).not.toContain('hush')
})
