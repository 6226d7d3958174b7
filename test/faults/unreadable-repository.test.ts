import { expect, test } from 'bun:test'
import { chmod, rename, rm, writeFile } from 'node:fs/promises'
import { startBerth } from '../support/berth-process.ts'
import { freePort } from '../support/free-port.ts'
import { blobsOf, type Image, makeImage } from '../support/images.ts'
import { poll } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000
const SOON_MS = 90_000
/** The permissions of a file bind root as well, when it has given up these capabilities. */
const WITHOUT_CAPABILITIES = ['setpriv', '--bounding-set=-dac_override,-dac_read_search', '--inh-caps=-all']
const REPOSITORIES = ['damaged', 'locked', 'team/app', 'well', 'zoo/last']
const READABLE = ['well', 'zoo/last']

describeWith({ programs: ['setpriv'], root: true, atOnce: true }, 'a repository that cannot be read', () => {
  test.each([
    ['from the database of an earlier run', 1, async () => undefined],
    ['without a database', 2, removeDatabase],
  ])(
    'does not keep the others from being served, %s by %i process(es), and is back by itself',
    async (_, processes, prepare) => {
      using folder = new TemporaryFolder()
      const image = makeImage('kept')
      await pushOnce(folder, image)
      await prepare(folder)
      const repositories = folder.join('data/docker/registry/v2/repositories')
      await chmod(`${repositories}/locked/_manifests`, 0)
      await chmod(`${repositories}/team`, 0)
      await rename(`${repositories}/damaged/_manifests`, folder.join('away'))
      await writeFile(`${repositories}/damaged/_manifests`, 'a file where a folder belongs')
      await writeFile(`${repositories}/notes`, 'of another program')

      try {
        const debugPort = await freePort()
        await using berth = await serve(folder, { processes, debugPort })
        const client = new RegistryClient(berth.url)

        await poll('the scan has passed over three', SOON_MS, async () => {
          const metrics = await debug(debugPort, '/metrics')
          return metrics.text.includes('berth_scan_repositories_unreadable 3') || undefined
        })
        await expectServed(client, image, READABLE)
        await expectRefused(client, image, ['damaged', 'locked', 'team/app'])
        await expectStatus(await client.getManifest('team/never-seen', 'latest'), 503)
        await expectStatus(await client.getManifest('notes', 'latest'), 404)
        expect((await client.request('GET', '/readyz')).status).toBe(200)
        const health = await debug(debugPort, '/debug/health')
        expect(health.status).toBe(200)
        expect(JSON.parse(health.text)).toEqual({
          repositories: expect.stringMatching(/cannot be read.*: damaged, locked, team$/),
        })

        await rm(`${repositories}/damaged/_manifests`)
        await rename(folder.join('away'), `${repositories}/damaged/_manifests`)
        await chmod(`${repositories}/locked/_manifests`, 0o755)
        await chmod(`${repositories}/team`, 0o755)
        await poll('all is well', SOON_MS, async () => (await debug(debugPort, '/debug/health')).text === '{}' || undefined)
        await expectServed(client, image, REPOSITORIES)
        await poll('the scan is complete', SOON_MS, async () => {
          const metrics = await debug(debugPort, '/metrics')
          return metrics.text.includes('berth_scan_complete 1') || undefined
        })

        const { output } = berth.program
        for (const name of ['damaged', 'locked', 'team']) {
          expect(
            linesWith(output, 'msg="a repository cannot be read, the others are served"', `repository=${name} `),
          ).toHaveLength(1)
          expect(linesWith(output, 'msg="a repository can be read again"', `repository=${name}`)).toHaveLength(1)
        }
        expect(linesWith(output, 'maintenance failed', 'task=scan')).toEqual([])
      } finally {
        await chmod(`${repositories}/team`, 0o755)
        await chmod(`${repositories}/locked/_manifests`, 0o755)
      }
    },
    TEST_MS,
  )
})

async function pushOnce(folder: TemporaryFolder, image: Image): Promise<void> {
  await using berth = await startBerth({ folder, dataDirectory: folder.join('data') })
  const client = new RegistryClient(berth.url)
  for (const repository of REPOSITORIES) {
    for (const blob of blobsOf(image)) await client.pushBlob(repository, blob)
    await expectStatus(await client.putManifest(repository, 'latest', image.manifest), 201)
  }
}

async function removeDatabase(folder: TemporaryFolder): Promise<void> {
  for (const suffix of ['', '-wal', '-shm']) await rm(folder.join(`data/berth/metadata.db${suffix}`), { force: true })
}

async function serve(
  folder: TemporaryFolder,
  { processes, debugPort }: { readonly processes: number; readonly debugPort: number },
): Promise<RegistryProcess> {
  const debugSection = `  debug: { addr: "127.0.0.1:${debugPort}", prometheus: { enabled: true } }\n`
  const adapt = (config: string) => config.replace('http:\n', `http:\n${debugSection}`)
  const before = WITHOUT_CAPABILITIES
  return await startBerth({ folder, dataDirectory: folder.join('data'), processes, before, adapt, expectsFaults: true })
}

async function expectServed(client: RegistryClient, { manifest, layers }: Image, repositories: readonly string[]): Promise<void> {
  expect(await (await client.request('GET', '/v2/_catalog')).json()).toEqual({ repositories })
  for (const repository of repositories) {
    const tags = await client.request('GET', `/v2/${repository}/tags/list`)
    expect(await tags.json()).toEqual({ name: repository, tags: ['latest'] })
    expect(await (await client.getManifest(repository, 'latest')).bytes()).toEqual(manifest.bytes)
    for (const { digest, bytes } of layers) expect(await (await client.getBlob(repository, digest)).bytes()).toEqual(bytes)
  }
}

async function expectRefused(client: RegistryClient, { manifest }: Image, repositories: readonly string[]): Promise<void> {
  for (const repository of repositories) {
    const answers = [
      await client.request('GET', `/v2/${repository}/tags/list`),
      await client.getManifest(repository, 'latest'),
      await client.getManifest(repository, manifest.digest),
      await client.request('GET', `/v2/${repository}/referrers/${manifest.digest}`),
      await client.putManifest(repository, 'other', manifest),
      await client.deleteManifest(repository, manifest.digest),
    ]
    expect([repository, ...answers.map(({ status }) => status)]).toEqual([repository, ...answers.map(() => 503)])
    expect(answers.every(({ headers }) => headers.has('retry-after'))).toBe(true)
    expect(await answers[0]?.json()).toMatchObject({
      errors: [{ code: 'UNAVAILABLE', message: expect.stringContaining('the log of the registry says why') }],
    })
  }
}

async function debug(port: number, path: string): Promise<{ readonly status: number; readonly text: string }> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`)
  return { status: answer.status, text: (await answer.text()).trim() }
}

function linesWith(output: string, ...parts: readonly string[]): string[] {
  return output.split('\n').filter((line) => parts.every((part) => line.includes(part)))
}
