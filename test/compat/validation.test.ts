import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type App, startApp } from '../../src/composition/app.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { expectError } from '../support/answers.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const INDEX = 'application/vnd.oci.image.index.v1+json'
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'

/** An image index of one manifest that is nowhere. */
async function pushIndex(app: App, platform: object): Promise<Response> {
  const child = { mediaType: MANIFEST, digest: `sha256:${'7'.repeat(64)}`, size: 7, platform }
  const body = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [child] })
  const client = new RegistryClient(app.url)
  return await client.request('PUT', '/v2/some/app/manifests/latest', { headers: { 'content-type': INDEX }, body })
}

describe.each([
  ['all', '{platforms: all}', 400, 400],
  ['none', '{platforms: none}', 201, 201],
  ['list', '{platforms: list, platformlist: [{os: linux, architecture: amd64}]}', 400, 201],
] as const)('with validation.manifests.indexes.platforms: %s', (_, indexes, listed, other) => {
  const folder = new TemporaryFolder()
  let app: App

  beforeAll(async () => {
    const text = `version: 0.1
log: {accesslog: {disabled: true}}
storage: inmemory
http: {addr: "127.0.0.1:0"}
validation: {manifests: {indexes: ${indexes}}}`
    const { config } = loadConfig({ path: await folder.file('config.yml', text), environment: {} })
    app = await startApp(config, new RecordedLog())
  })
  afterAll(async () => {
    await app.stop({ timeoutMs: 0 })
    folder[Symbol.dispose]()
  })

  test.each([
    [{ os: 'linux', architecture: 'amd64' }, listed],
    [{ os: 'linux', architecture: 'arm64' }, other],
  ])('an image index without its manifest for %j is %d', async (platform, status) => {
    const response = await pushIndex(app, platform)

    if (status === 201) expect(response.status).toBe(201)
    else {
      expect(await response.clone().text()).toContain('validation.manifests.indexes.platforms')
      await expectError(response, 400, 'MANIFEST_BLOB_UNKNOWN')
    }
  })
})
