import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { type BerthProcess, startBerth } from '../support/berth-process.ts'
import { contentOf, fixedBytes } from '../support/images.ts'
import { describeOnStores } from '../support/object-store.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { StoreProxy } from '../support/store-proxy.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(300_000)

describeOnStores('clients that are sent to the store', (store) => {
  const layer = contentOf('application/octet-stream', fixedBytes(2_000_000))
  let folder: TemporaryFolder
  let publicAddress: StoreProxy
  let berth: BerthProcess
  let client: RegistryClient

  beforeAll(async () => {
    folder = new TemporaryFolder()
    publicAddress = await StoreProxy.start(store().endpoint)
    const more = { section: `    redirectendpoint: ${publicAddress.endpoint}\n`, redirects: true }
    berth = await startBerth({ folder, processes: 1, dataDirectory: { ...(await store().newBucket()), ...more } })
    client = new RegistryClient(berth.url)
    await client.pushBlob('app', layer)
  })
  afterAll(async () => {
    await berth[Symbol.asyncDispose]()
    await publicAddress[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  test('get a signed address as they see the store, and there the bytes, all or a part', async () => {
    const response = await client.getBlob('app', layer.digest)

    expect(response.status).toBe(307)
    const location = response.headers.get('location') ?? ''
    expect(location).toStartWith(`${publicAddress.endpoint}/`)
    expect(Bun.SHA256.hash(await (await fetch(location)).bytes(), 'hex')).toBe(layer.digest.slice('sha256:'.length))
    const part = await fetch(location, { headers: { range: 'bytes=10-19' } })
    expect([part.status, await part.bytes()]).toEqual([206, layer.bytes.slice(10, 20)])
  })

  test('are answered here when they ask for no bytes, or for what is not there', async () => {
    const head = await client.headBlob('app', layer.digest)
    const missing = await client.getBlob('app', `sha256:${'0'.repeat(64)}`)

    expect([head.status, head.headers.get('content-length')]).toEqual([200, '2000000'])
    expect(missing.status).toBe(404)
  })
})
