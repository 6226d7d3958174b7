import { expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync } from 'node:fs'
import { startBerth } from '../support/berth-process.ts'
import { blobsOf, type Image, makeImage, makeImageIndex } from '../support/images.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const IMAGE = makeImage('mirrored')
const INDEX = makeImageIndex([makeImage('amd64'), makeImage('arm64', { architecture: 'arm64' })], 'docker')

/** The users of the registry that is mirrored: reader with the password secret. */
const HTPASSWD = `reader:${Bun.password.hashSync('secret', { algorithm: 'bcrypt', cost: 5 })}\n`

describeWith({ programs: [PEER_PROGRAM] }, 'A mirror of a real registry:2', () => {
  test('serves whole images of it, also when it has gone, and gives registry:2 a directory that it serves', async () => {
    using folder = new TemporaryFolder()
    const data = folder.join('mirror')
    {
      await using upstream = await filledPeer(folder)
      await using mirror = await startBerth({ folder, dataDirectory: data, moreConfig: proxyTo(upstream.url), processes: 2 })
      const client = new RegistryClient(mirror.url)

      await pullAll(client)
      await upstream.stop()
      await pullAll(client)
      const { headers } = await client.getManifest('library/app', 'latest')
      expect(headers.get('warning')).toStartWith('111 ')
    }

    await using peer = await startPeer({ folder, dataDirectory: data })
    await pullAll(new RegistryClient(peer.url))
  })

  test('goes on from what a mirror of registry:2 has fetched, and back', async () => {
    using folder = new TemporaryFolder()
    const data = folder.join('mirror')
    await using upstream = await filledPeer(folder)
    const moreConfig = proxyTo(upstream.url)
    {
      await using before = await startPeer({ folder, dataDirectory: data, moreConfig })
      await pullImage(new RegistryClient(before.url), IMAGE, 'latest')
    }
    {
      await using mirror = await startBerth({ folder, dataDirectory: data, moreConfig })
      await pullAll(new RegistryClient(mirror.url))
    }

    await using after = await startPeer({ folder, dataDirectory: data, moreConfig })
    await pullAll(new RegistryClient(after.url))
  })

  test('shows its password, or that of a credential helper, to it, and what is wrong with a wrong one to its own clients', async () => {
    using folder = new TemporaryFolder()
    const path = await folder.file('htpasswd', HTPASSWD)
    const upstreamData = folder.join('upstream')
    {
      await using open = await startPeer({ folder, dataDirectory: upstreamData })
      await pushImage(new RegistryClient(open.url), IMAGE, 'latest')
    }
    const moreConfig = `auth: {htpasswd: {realm: r, path: ${path}}}\n`
    await using upstream = await startPeer({ folder, dataDirectory: upstreamData, moreConfig })
    const start = async (name: string, shown: string) =>
      await startBerth({
        folder,
        dataDirectory: folder.join(name),
        moreConfig: `proxy: {remoteurl: ${upstream.url}, ${shown}}\n`,
      })
    const helper = await folder.file('helper', `#!/bin/sh\necho '{"Username": "reader", "Secret": "secret"}'\n`)
    chmodSync(helper, 0o700)
    await using right = await start('right', 'username: reader, password: secret')
    await using helped = await start('helped', `exec: {command: ${helper}, lifetime: 1h}`)
    await using wrong = await start('wrong', 'username: reader, password: other')

    await pullImage(new RegistryClient(right.url), IMAGE, 'latest')
    await pullImage(new RegistryClient(helped.url), IMAGE, 'latest')
    const refused = await new RegistryClient(wrong.url).getManifest('library/app', 'latest')
    expect(refused.status).toBe(401)
    expect(await refused.text()).toContain(`The upstream ${upstream.url} asks for credentials`)
  })

  test('may stand behind another mirror', async () => {
    using folder = new TemporaryFolder()
    await using upstream = await filledPeer(folder)
    await using far = await startBerth({ folder, dataDirectory: folder.join('far'), moreConfig: proxyTo(upstream.url) })
    await using near = await startBerth({ folder, dataDirectory: folder.join('near'), moreConfig: proxyTo(far.url) })

    await pullAll(new RegistryClient(near.url))
  })
})

function proxyTo(url: string): string {
  return `proxy:\n  remoteurl: ${url}\n`
}

async function filledPeer(folder: TemporaryFolder) {
  const peer = await startPeer({ folder, dataDirectory: folder.join('upstream') })
  const client = new RegistryClient(peer.url)
  await pushImage(client, IMAGE, 'latest')
  for (const image of INDEX.images) await pushImage(client, image, image.manifest.digest)
  await expectStatus(await client.putManifest('library/app', 'all', INDEX.manifest), 201)
  return peer
}

async function pushImage(client: RegistryClient, image: Image, reference: string): Promise<void> {
  for (const blob of blobsOf(image)) await client.pushBlob('library/app', blob)
  await expectStatus(await client.putManifest('library/app', reference, image.manifest), 201)
}

async function pullAll(client: RegistryClient): Promise<void> {
  await pullImage(client, IMAGE, 'latest')
  const index = await expectStatus(await client.getManifest('library/app', 'all'), 200)
  expect(Buffer.from(await index.bytes()).equals(INDEX.manifest.bytes)).toBe(true)
  for (const image of INDEX.images) await pullImage(client, image, image.manifest.digest)
}

/** By its tag, as Docker does: HEAD, then everything by its digest. */
async function pullImage(client: RegistryClient, image: Image, reference: string): Promise<void> {
  const head = await expectStatus(await client.headManifest('library/app', reference), 200)
  expect(head.headers.get('docker-content-digest')).toBe(image.manifest.digest)
  const manifest = await expectStatus(await client.getManifest('library/app', image.manifest.digest), 200)
  expect(Buffer.from(await manifest.bytes()).equals(image.manifest.bytes)).toBe(true)
  for (const blob of blobsOf(image)) {
    const answer = await expectStatus(await client.getBlob('library/app', blob.digest), 200)
    expect(Buffer.from(await answer.bytes()).equals(blob.bytes)).toBe(true)
  }
}
