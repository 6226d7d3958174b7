import { expect, setDefaultTimeout, test } from 'bun:test'
import { pushImage } from '../collect/rows/row.ts'
import { expectError } from '../support/answers.ts'
import { startBerth } from '../support/berth-process.ts'
import { makeImage } from '../support/images.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const READ_ONLY = (config: string) => config.replace('\nstorage:\n', '\nstorage:\n  maintenance: {readonly: {enabled: true}}\n')

test('a registry that is read-only shows what it has, and takes neither descriptions nor stars', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  {
    await using berth = await startBerth({ folder })
    await pushImage(new RegistryClient(berth.url), makeImage('image'), 'v1', 'app')
  }
  await using berth = await startBerth({ folder, adapt: READ_ONLY })
  const client = new RegistryClient(berth.url)

  for (const [method, path] of [
    ['PUT', 'description?text=a'],
    ['DELETE', 'description'],
    ['PUT', 'star'],
    ['DELETE', 'star'],
  ] as const) {
    const refusal = await client.request(method, `/api/v1/repositories/app/${path}`)
    const { message } = await expectError(refusal, 405, 'UNSUPPORTED')
    expect(message).toContain('storage.maintenance.readonly.enabled')
    expect(refusal.headers.get('allow')).toBe('')
  }
  for (const path of ['app', 'app/tags?sort=pulls', 'app/image?tag=v1', 'app/storage'])
    await expectStatus(await client.request('GET', `/api/v1/repositories/${path}`), 200)
})
