import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { AppInTest } from '../support/app-in-test.ts'
import { startBerth } from '../support/berth-process.ts'
import { type FakeAnswer, FakeUpstream } from '../support/fake-upstream.ts'
import { blobsOf, type Image, makeImage, makeImageIndex } from '../support/images.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { poll } from '../support/processes.ts'
import { expectStatus, pushImage, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { sizedImage } from '../support/sized-image.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { serveRegistry, type UpstreamContent } from '../support/upstream-images.ts'
import { usedOnDisk } from '../support/used-on-disk.ts'

setDefaultTimeout(120_000)

const SOON_MS = 90_000
const MB = 1_000_000
const ONE = makeImage('one')
const NEWER = makeImage('newer')
const SBOM = makeImage('sbom', { subject: ONE.manifest, layers: 1 })
const SIGNED = ONE.manifest.digest.replace(':', '-')
const WHOLE = 'a scheduled mirror is whole'
const NOT_WHOLE = 'a scheduled mirror is not whole, it is tried again'

describe('a scheduled mirror', () => {
  let folder: TemporaryFolder
  let content: UpstreamContent
  let upstream: FakeUpstream
  let app: AppInTest
  beforeEach(async () => {
    folder = new TemporaryFolder()
    content = { 'team/app': { 'v1.0': ONE, 'v1.1': NEWER, latest: ONE }, 'lib/tool': { 'v1.0': makeImage('tool') } }
    upstream = await FakeUpstream.start(serveRegistry(content))
  })
  afterEach(async () => {
    await app[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  const start = async (sync: object, more: object = {}) => {
    const storage = { filesystem: { rootdirectory: folder.join('data') } }
    const mirrors = [{ prefix: 'far', url: upstream.url, sync: { repositories: ['**'], ...sync }, ...more }]
    const http = { debug: { addr: '127.0.0.1:0', prometheus: { enabled: true } } }
    app = await AppInTest.start(folder, { storage, mirrors, http }, { collector: { tickMs: 20 } })
  }
  const restart = async (...words: Parameters<typeof start>) => {
    await app[Symbol.asyncDispose]()
    await start(...words)
  }
  const told = (message: string, times = 1) =>
    poll(`${message}, ${times} times`, SOON_MS, async () => {
      const lines = app.log.lines.filter((line) => line.message === message)
      return lines.length >= times ? lines.at(-1) : undefined
    })
  const isHere = async (repository: string, reference: string, image: Image) => {
    const manifest = await app.client.getManifest(repository, reference)
    if (manifest.status !== 200 || !Buffer.from(await manifest.bytes()).equals(image.manifest.bytes)) return false
    for (const { digest, bytes } of blobsOf(image)) {
      const blob = await app.client.getBlob(repository, digest)
      if (blob.status !== 200 || !Buffer.from(await blob.bytes()).equals(bytes)) return false
    }
    return true
  }
  const away: FakeAnswer = (_, response) => void response.writeHead(404).end()
  const blobsAsked = () => upstream.asked.filter((asked) => /^GET .*\/blobs\//.test(asked)).length

  test('brings whole images before a client asks, with what belongs to them, and nothing that its rule does not name', async () => {
    content['team/app'] = { ...content['team/app'], [`${SIGNED}.sig`]: makeImage('signature', { layers: 1 }) }
    const serve = upstream.answer
    upstream.answer = (request, response) => {
      if (!request.url?.endsWith(`/referrers/${ONE.manifest.digest}`)) return serve(request, response)
      const { mediaType, digest, bytes } = SBOM.manifest
      response.writeHead(200, { 'content-type': 'application/vnd.oci.image.index.v1+json' })
      response.end(JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType, digest, size: bytes.length }] }))
    }
    content['team/sbom'] = {}
    content['team/app'] = { ...content['team/app'], zz: SBOM }
    await start({ repositories: ['team/*'], tags: ['semver:1.0'] })
    await told(WHOLE)
    upstream.answer = away

    expect(await isHere('far/team/app', 'v1.0', ONE)).toBe(true)
    expect(await isHere('far/team/app', SBOM.manifest.digest, SBOM)).toBe(true)
    expect(await isHere('far/team/app', `${SIGNED}.sig`, makeImage('signature', { layers: 1 }))).toBe(true)
    const others = [
      ['far/team/app', 'v1.1'],
      ['far/team/app', 'zz'],
      ['far/lib/tool', 'v1.0'],
    ] as const
    for (const [repository, tag] of others) expect((await app.client.getManifest(repository, tag)).status).toBe(404)
  })

  test('brings what has moved or come there, asks for no blob twice, and leaves what was deleted there', async () => {
    await start({ every: '100ms', tags: ['v*', 'latest'] })
    await told(WHOLE)
    const asked = blobsAsked()
    await told(WHOLE, 3)
    expect(blobsAsked()).toBe(asked)

    content['team/app'] = { latest: NEWER, 'v1.1': NEWER, 'v2.0': makeImage('two') }
    const before = app.log.lines.filter(({ message }) => message === WHOLE).length
    await told(WHOLE, before + 2)
    expect(blobsAsked()).toBe(asked + blobsOf(makeImage('two')).length)
    upstream.answer = away

    for (const [tag, image] of [
      ['latest', NEWER],
      ['v2.0', makeImage('two')],
      ['v1.0', ONE],
    ] as const)
      expect(await isHere('far/team/app', tag, image)).toBe(true)
  })

  test('keeps what it has brought when the mirror has no room, until its rule names it no more', async () => {
    for (const name of ['synced', 'one', 'two', 'three']) content[name] = { v1: sizedImage(name, MB) }
    const used = (name: string) => usedOnDisk(folder.join('data'), (repository) => repository === `far/${name}`)
    const pull = async (name: string) => expect(await isHere(`far/${name}`, 'v1', sizedImage(name, MB))).toBe(true)
    await start({ repositories: ['synced'] }, { size: '2500kB' })
    await told(WHOLE)

    for (const name of ['one', 'two', 'three']) await pull(name)
    await poll('others have gone', SOON_MS, async () => used('one') === 0 || undefined)
    expect(used('synced')).toBeGreaterThan(0)

    await restart({ repositories: ['lib/tool'] }, { size: '2500kB' })
    await told(WHOLE)
    for (const name of ['one', 'two', 'three']) await pull(name)
    await poll('what was synced has gone', SOON_MS, async () => used('synced') === 0 || undefined)
  })

  test('waits as long as the upstream says that has had too many requests', async () => {
    const serve = upstream.answer
    const refusedAtMs: number[] = []
    upstream.answer = (request, response) => {
      if (request.url !== '/v2/team/app/tags/list?n=1000' || refusedAtMs.length > 0) return serve(request, response)
      refusedAtMs.push(performance.now())
      response.writeHead(429, { 'retry-after': '1' }).end()
    }
    await start({})

    await told(WHOLE)
    expect(performance.now() - (refusedAtMs[0] ?? Number.POSITIVE_INFINITY)).toBeGreaterThan(950)
    await told('a scheduled mirror waits for its upstream')
  })

  test('brings the rest where something is wrong, says what, and shows it', async () => {
    const [, layer] = blobsOf(NEWER)
    const serve = upstream.answer
    upstream.answer = (request, response) => {
      if (request.url?.endsWith(layer?.digest ?? '')) return void response.writeHead(200, { 'content-length': 3 }).end('bad')
      return serve(request, response)
    }
    await start({ tags: ['v*'] })

    const { fields } = await told(NOT_WHOLE)
    expect(fields).toMatchObject({ mirror: 'far', tags: 2, failed: 1 })
    expect((await told('a scheduled mirror did not bring something')).fields).toMatchObject({ name: 'far/team/app:v1.1' })
    expect(await isHere('far/team/app', 'v1.0', ONE)).toBe(true)
  })

  test('keeps what its rule names also where that is larger than the mirror may be', async () => {
    const large = sizedImage('large', 4 * MB)
    content.large = { v1: large }
    await start({ repositories: ['large'] }, { size: '2500kB' })
    await told(WHOLE)
    upstream.answer = away

    expect(await isHere('far/large', 'v1', large)).toBe(true)
  })

  test('does not hold back a client that wants what is brought slowly', async () => {
    const large = sizedImage('large', 4 * MB)
    content.large = { v1: large }
    await start({ repositories: ['large'], rate: '100kB' })
    const layer = blobsOf(large).find(({ bytes }) => bytes.length > MB)
    await poll('its blob is on its way', SOON_MS, async () => upstream.count(`GET /v2/large/blobs/${layer?.digest}`) || undefined)

    const beganMs = performance.now()
    const blob = await expectStatus(await app.client.getBlob('far/large', layer?.digest ?? ''), 200)
    expect(Buffer.from(await blob.bytes()).equals(layer?.bytes ?? new Uint8Array())).toBe(true)

    // By the rate alone it takes 40 s.
    expect(performance.now() - beganMs).toBeLessThan(20_000)
    expect(upstream.count(`GET /v2/large/blobs/${layer?.digest}`)).toBe(1)
  })

  test('whose upstream is away ends early, says so, and is whole when that is back', async () => {
    const serve = upstream.answer
    upstream.answer = (_, response) => void response.writeHead(503, { 'retry-after': '0' }).end()
    await start({ every: '100ms' })

    expect((await told(NOT_WHOLE)).fields).toMatchObject({ tags: 0, because: expect.stringContaining('answered 503') })
    upstream.answer = serve

    await told(WHOLE)
    expect(await isHere('far/team/app', 'v1.0', ONE)).toBe(true)
  })
})

const KINDS = [
  ['Berth', startBerth],
  ['registry:2', startPeer],
] as const

describeWith({ programs: [PEER_PROGRAM] }, 'A scheduled mirror of', () => {
  test.each(KINDS)('%s is whole', async (_, startUpstream) => {
    using folder = new TemporaryFolder()
    await using upstream = await startUpstream({ folder, dataDirectory: folder.join('upstream') })
    const there = new RegistryClient(upstream.url)
    const index = makeImageIndex([ONE, NEWER], 'docker')
    for (const image of [...index.images, SBOM]) await pushImage(there, 'team/app', image, image.manifest.digest)
    await expectStatus(await there.putManifest('team/app', 'v1', index.manifest), 201)
    await pushImage(there, 'lib/tool', NEWER, 'v1')
    const sync = { repositories: ['team/*', 'lib/tool'] }
    await using app = await AppInTest.start(folder, { mirrors: [{ prefix: 'far', url: upstream.url, sync }] })
    await app.log.line(({ message }) => message === WHOLE)
    await upstream.stop()

    for (const [repository, reference, { digest }] of [
      ['far/team/app', 'v1', index.manifest],
      ['far/lib/tool', 'v1', NEWER.manifest],
    ] as const) {
      const answer = await expectStatus(await app.client.headManifest(repository, reference), 200)
      expect(answer.headers.get('docker-content-digest')).toBe(digest)
    }
    for (const { digest, bytes } of [...index.images, NEWER].flatMap(blobsOf)) {
      const blob = await expectStatus(await app.client.getBlob('far/team/app', digest), 200)
      expect(Buffer.from(await blob.bytes()).equals(bytes)).toBe(true)
    }
  })
})
