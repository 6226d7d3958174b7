import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFile, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { version } from '../../src/runtime/version.ts'
import { startBerth } from '../support/berth-process.ts'
import { jsonContent } from '../support/images.ts'
import { type Environment, environmentIn, type Outcome, poll, run, runToSuccess } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000
const PAGE_ASSETS = join(import.meta.dir, '../../src/http/page/assets')
const BUILD = join(import.meta.dir, '../../scripts/build.ts')
const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json'
/** In manifests that are kept in the database; its log is folded in when it has grown to 4 MiB. */
const LARGE_MANIFESTS = { count: 110, bytes: 50_000 }
/** More than the database has before anything was folded into it. */
const FOLDED_BYTES = 1_000_000

describe('the one-file program', () => {
  const folder = new TemporaryFolder()
  const berth = folder.join('dist/berth')
  let environment: Environment

  beforeAll(async () => {
    environment = environmentIn(folder.join('run'))
    await runToSuccess([process.execPath, BUILD, folder.join('dist')], { environment })
  }, TEST_MS)
  afterAll(() => folder[Symbol.dispose]())

  test('says its version, and nothing that lies in the current folder changes what it does', async () => {
    const cwd = await folder.directory('elsewhere')
    await folder.file('elsewhere/bunfig.toml', 'preload = ["./not-there.ts"]')
    await folder.file('elsewhere/.env', 'REGISTRY_CONFIGURATION_PATH=from-dotenv.yml\nREGISTRY_HTTP_ADDR=:0\n')

    const printed = await runToSuccess([berth, '--version'], { environment, cwd })
    const unhealthy = await run([berth, 'health'], { environment: { ...environment, REGISTRY_HTTP_ADDR: '127.0.0.1:1' }, cwd })

    expect(printed).toBe(`${version}\n`)
    expect(unhealthy).toMatchObject({ exitCode: 1, stdout: '' })
    expect(unhealthy.stderr).toStartWith('berth: unhealthy: http://127.0.0.1:1 does not answer')
  })

  test('serves with a large file pool, in one process and under the name that it was called by', async () => {
    await using registry = await startBerth({ folder, processes: 1, dataDirectory: folder.join('pool'), berth })
    const { pid } = registry.program

    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0')
    const variables = (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0')

    expect(words.slice(0, 2)).toEqual([berth, 'serve'])
    expect(variables).toContain('UV_THREADPOOL_SIZE=64')
  })

  test('makes certificates, and has all that it takes to order them', async () => {
    using nobody = Bun.serve({ port: 0, fetch: () => new Response(null, { status: 404 }) })
    const letsencrypt = {
      ...{ cachefile: folder.join('acme'), hosts: ['registry.example.com'] },
      ...{ directoryurl: nobody.url.href, challengeaddr: '127.0.0.1:0' },
    }
    await using registry = await startBerth({ folder, processes: 1, tls: { letsencrypt }, berth, expectsFaults: true })

    const { program } = registry
    const [refused = ''] = await program.waitForOutput(/msg="certificate was not ordered".*/, TEST_MS)
    const made = await runToSuccess([berth, 'certificate', 'create', '--host', 'a.example'], { environment, cwd: folder.path })

    expect(refused).toContain('returned error 404')
    expect(made).toStartWith('Made the authority certs/ca.crt')
  }, 120_000)

  test('has the page with its script and style, byte for byte', async () => {
    await using registry = await startBerth({ folder, processes: 1, dataDirectory: folder.join('page'), berth })

    const page = await fetch(registry.url, { headers: { accept: 'text/html' } })
    const paths = [...(await page.text()).matchAll(/"(\/ui\/-\/\w+\.[0-9a-f]{16}\.\w+)"/g)].map(([, path = '']) => path)
    const served = await Promise.all(paths.map(async (path) => await (await fetch(`${registry.url}${path}`)).text()))
    const made = await Promise.all(['page.css', 'page.js'].map((name) => readFile(join(PAGE_ASSETS, name), 'utf8')))

    expect(served).toEqual(made)
  })

  test('takes headers that are as large as tokens may be', async () => {
    await using registry = await startBerth({ folder, processes: 1, dataDirectory: folder.join('headers'), berth })

    const response = await fetch(`${registry.url}/v2/`, { headers: { authorization: `Bearer ${'t'.repeat(40_000)}` } })

    expect(response.status).toBe(200)
  })

  test(
    "folds the database's log in, on a thread of its own",
    async () => {
      const dataDirectory = folder.join('checkpoint')
      await using registry = await startBerth({ folder, processes: 1, dataDirectory, berth })
      await pushLargeManifests(new RegistryClient(registry.url))

      await poll('the database has grown', 90_000, async () => {
        const { size } = await stat(join(dataDirectory, 'berth/metadata.db'))
        return size > FOLDED_BYTES || undefined
      })
    },
    TEST_MS,
  )

  describe('called `registry`', () => {
    const registry = folder.join('bin/registry')

    beforeAll(async () => {
      await folder.directory('bin')
      await symlink(berth, registry)
    })

    test("says its version as registry:2 does: name, package, version, on registry:2's two options", async () => {
      expect(await runToSuccess([registry, '--version'], { environment })).toBe(`registry berth ${version}\n`)
      expect(await runToSuccess([registry, '-v'], { environment })).toBe(`registry berth ${version}\n`)
    })

    test("knows registry:2's garbage-collect with its options, and says what keeps it from it", async () => {
      const config = await folder.file('memory.yml', 'version: 0.1\nstorage: inmemory\n')
      const outcomes = await Promise.all(
        [[], ['-d'], ['-m'], ['--dry-run', '--delete-untagged', '--quiet']].map((flags) =>
          run([registry, 'garbage-collect', ...flags, config], { environment }),
        ),
      )

      for (const outcome of outcomes) expect(outcome).toMatchObject({ exitCode: 1, stdout: '' } satisfies Partial<Outcome>)
      for (const { stderr } of outcomes) expect(stderr).toStartWith('berth: failed to garbage collect: A storage in memory ')
    })

    test('tells what its commands are', async () => {
      expect(await runToSuccess([registry, 'help'], { environment })).toStartWith('Usage: registry [options] [command]\n')
      expect(await runToSuccess([registry, 'help', 'serve'], { environment })).toStartWith('Usage: registry serve ')
    })
  })
})

async function pushLargeManifests(client: RegistryClient): Promise<void> {
  const manifests = Array.from({ length: LARGE_MANIFESTS.count }, (_, number) =>
    jsonContent(INDEX_TYPE, {
      schemaVersion: 2,
      mediaType: INDEX_TYPE,
      manifests: [],
      annotations: { padding: `${number}`.padEnd(LARGE_MANIFESTS.bytes, '.') },
    }),
  )
  await Promise.all(
    manifests.map(async (manifest) => expectStatus(await client.putManifest('large', manifest.digest, manifest), 201)),
  )
}
