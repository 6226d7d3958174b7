import { expect, setDefaultTimeout, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { startBerth } from '../support/berth-process.ts'
import { makeCertificates } from '../support/certificates.ts'
import { type Image, makeImage } from '../support/images.ts'
import { describeOnStoresAtOnce } from '../support/object-store.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import type { S3Place } from '../support/s3-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(300_000)
const WAITS = /only pulls are answered until it has ended/
const DEBUG = /msg="debug server listening" url=(\S+)/

async function push(client: RegistryClient, repository: string, image: Image): Promise<void> {
  for (const blob of [image.config, ...image.layers]) await client.pushBlob(repository, blob)
  await expectStatus(await client.putManifest(repository, 'latest', image.manifest), 201)
}

/** TLS, metrics, one user, and rules: everybody pulls below public, she reads and writes everything. */
async function guardedConfig(folder: TemporaryFolder) {
  const certificates = await makeCertificates(folder)
  const hash = await Bun.password.hash('secret', { algorithm: 'bcrypt', cost: 4 })
  const users = await folder.file('htpasswd', `alice:${hash}\n`)
  const config = `  tls:
    certificate: ${certificates.certificate}
    key: ${certificates.key}
  debug:
    addr: 127.0.0.1:0
    prometheus:
      enabled: true
auth:
  htpasswd:
    realm: test
    path: ${users}
access:
  rules:
    - {who: [user:alice], repositories: ['**'], can: [pull, push, delete, list]}
    - {who: [anonymous, authenticated], repositories: ['public/**'], can: [pull]}
`
  return { config, ca: await readFile(certificates.authority, 'utf8') }
}

describeOnStoresAtOnce('a registry that waits for another machine to end', (store) => {
  async function startGuarded(bucket: S3Place, folder: TemporaryFolder) {
    const { config, ca } = await guardedConfig(folder)
    const berth = await startBerth({ folder, dataDirectory: bucket, moreConfig: config })
    await berth.program.waitForOutput(WAITS, 90_000)
    const ask = async (method: string, path: string, password?: string) => {
      const headers = password === undefined ? undefined : { authorization: `Basic ${btoa(`alice:${password}`)}` }
      const signal = AbortSignal.timeout(120_000)
      return await fetch(`https://localhost:${berth.port}${path}`, { method, tls: { ca }, signal, ...(headers && { headers }) })
    }
    return { berth, ask }
  }

  test('lets in whom its rules let in, over TLS, and counts what it answers', async () => {
    const bucket = await store().newBucket()
    const [shown, hidden] = [makeImage('shown'), makeImage('hidden')]
    using firstFolder = new TemporaryFolder()
    await using first = await startBerth({ folder: firstFolder, dataDirectory: bucket })
    await push(new RegistryClient(first.url), 'public/app', shown)
    await push(new RegistryClient(first.url), 'private/app', hidden)
    using folder = new TemporaryFolder()
    const { berth, ask } = await startGuarded(bucket, folder)
    await using _ = berth

    const pulled = await expectStatus(await ask('GET', '/v2/public/app/manifests/latest'), 200)
    expect(await pulled.bytes()).toEqual(shown.manifest.bytes)
    const config = await expectStatus(await ask('GET', `/v2/private/app/blobs/${hidden.config.digest}`, 'secret'), 200)
    expect(await config.bytes()).toEqual(hidden.config.bytes)
    const statuses = await Promise.all([
      ask('GET', '/v2/private/app/manifests/latest'),
      ask('GET', `/v2/public/app/blobs/${hidden.config.digest}`),
      ask('GET', '/v2/private/app/manifests/latest', 'wrong'),
      // Who may not push is told so at once; who may waits for the other machine.
      ask('POST', '/v2/public/app/blobs/uploads/'),
      ask('POST', '/v2/public/app/blobs/uploads/', 'secret'),
      ask('DELETE', '/v2/public/app/manifests/latest', 'secret'),
    ])
    expect(statuses.map(({ status }) => status)).toEqual([401, 404, 401, 401, 503, 503])

    const [, debug] = await berth.program.waitForOutput(DEBUG, 90_000)
    const metrics = (await (await fetch(`${debug}/metrics`)).text()).split('\n')
    expect(metrics).toContain('registry_http_requests_total{handler="manifest",method="get",code="200"} 1')
    expect(metrics).toContain('registry_http_requests_total{handler="manifest",method="delete",code="503"} 1')
  })
})
