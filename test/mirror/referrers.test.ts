import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { AppInTest } from '../support/app-in-test.ts'
import { startBerth } from '../support/berth-process.ts'
import { type FakeAnswer, FakeUpstream, notFound, sendBlob } from '../support/fake-upstream.ts'
import { Gate } from '../support/gate.ts'
import { blobsOf, type Content, descriptorOf, jsonContent, makeImage } from '../support/images.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { poll } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { usedOnDisk } from '../support/used-on-disk.ts'
import { someServers } from '../support/wire.ts'

setDefaultTimeout(120_000)

const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json'
const APP = makeImage('signed')
const SUBJECT = APP.manifest
const SIGNATURE = makeImage('signature', { subject: SUBJECT, artifactType: 'application/vnd.example.signature', layers: 1 })
const SBOM = makeImage('sbom', { subject: SUBJECT, artifactType: 'application/vnd.example.sbom', layers: 1 })
const REFERRERS = `GET /v2/app/referrers/${SUBJECT.digest}`
const FALLBACK_TAG = SUBJECT.digest.replace(':', '-')

const described = ({ manifest }: typeof SBOM, more: object = {}) => {
  const { artifactType } = JSON.parse(Buffer.from(manifest.bytes).toString())
  return { ...descriptorOf(manifest), artifactType, ...more }
}
const inOrder = (descriptors: readonly { readonly digest: string }[]) =>
  descriptors.toSorted((one, other) => (one.digest < other.digest ? -1 : 1))
const LISTED = inOrder([described(SIGNATURE, { annotations: { by: 'a "test"' } }), described(SBOM)])
const indexOf = (manifests: readonly object[]): Content =>
  jsonContent(INDEX_TYPE, { schemaVersion: 2, mediaType: INDEX_TYPE, manifests })

/** What the upstream has of manifests and blobs, by digest and by tag. */
const CONTENT = new Map<string, Content>(
  [APP, SIGNATURE, SBOM].flatMap((image) => [image.manifest, ...blobsOf(image)]).map((content) => [content.digest, content]),
)

const serveContent: FakeAnswer = (request, response) => {
  const content = CONTENT.get(request.url?.split('/').at(-1) ?? '')
  if (content === undefined) return notFound(request, response)
  if (request.url?.includes('/blobs/')) return sendBlob(request, response, content.bytes)
  response.writeHead(200, { 'content-type': content.mediaType, 'docker-content-digest': content.digest })
  response.end(request.method === 'HEAD' ? undefined : content.bytes)
}

const sendIndex = (response: Parameters<FakeAnswer>[1], manifests: readonly object[], headers: Record<string, string> = {}) =>
  void response.writeHead(200, { 'content-type': INDEX_TYPE, ...headers }).end(indexOf(manifests).bytes)

/** As the specification says. */
const withApi =
  (list: FakeAnswer): FakeAnswer =>
  (request, response) =>
    request.url?.includes('/referrers/') ? list(request, response) : serveContent(request, response)
const serveList = withApi((_, response) => sendIndex(response, LISTED.toReversed()))

interface Listed {
  readonly manifests: readonly { readonly digest: string }[]
}

async function list(client: RegistryClient, repository: string, query = '') {
  const answer = await expectStatus(await client.request('GET', `/v2/${repository}/referrers/${SUBJECT.digest}${query}`), 200)
  const { manifests } = (await answer.json()) as Listed
  const header = (name: string) => answer.headers.get(name)
  return { manifests, type: header('content-type'), warning: header('warning'), filtered: header('oci-filters-applied') }
}

describe.each(someServers('referrers of a mirror'))('referrers of a mirror, over %s,', (_, server) => {
  let folder: TemporaryFolder
  let upstream: FakeUpstream
  let mirror: AppInTest
  beforeEach(async () => {
    folder = new TemporaryFolder()
    upstream = await FakeUpstream.start(serveList)
    mirror = await start({})
  })
  afterEach(async () => {
    await mirror[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })
  const start = async (more: object) => {
    const storage = { filesystem: { rootdirectory: folder.join('data') } }
    const options = { server, collector: { tickMs: 20 } }
    return await AppInTest.start(
      folder,
      { storage, mirrors: [{ prefix: 'far', url: upstream.url, ttl: '0s', ...more }] },
      options,
    )
  }
  const restart = async (more: object) => {
    await mirror[Symbol.asyncDispose]()
    mirror = await start(more)
  }
  const pull = async (...digests: readonly string[]) => {
    for (const digest of digests) await expectStatus(await mirror.client.getManifest('far/app', digest), 200)
  }

  test('are those that the upstream lists, by digest, with a filter, and each is fetched when it is pulled', async () => {
    expect(await list(mirror.client, 'far/app')).toEqual({ manifests: LISTED, type: INDEX_TYPE, warning: null, filtered: null })
    expect(await list(mirror.client, 'far/app', '?artifactType=application/vnd.example.sbom')).toMatchObject({
      ...{ manifests: [described(SBOM)], filtered: 'artifactType' },
    })
    const after = await list(mirror.client, 'far/app', `?last=${LISTED[0]?.digest}`)
    expect(after.manifests).toEqual(LISTED.slice(1))

    await pull(SBOM.manifest.digest)
    expect(upstream.count(`GET /v2/app/manifests/${SBOM.manifest.digest}`)).toBe(1)
  })

  test('are asked for once by all clients of a moment, and not again within ttl', async () => {
    const gate = new Gate()
    upstream.answer = async (request, response) => {
      await gate.pass()
      await serveList(request, response)
    }
    await restart({ ttl: '1h' })

    const lists = Array.from({ length: 16 }, () => list(mirror.client, 'far/app'))
    await gate.reached()
    gate.open()

    for (const found of await Promise.all([...lists, list(mirror.client, 'far/app', '?artifactType=none')]))
      expect(found.warning).toBeNull()
    expect((await list(mirror.client, 'far/app')).manifests).toEqual(LISTED)
    expect(upstream.asked).toEqual([REFERRERS])
  })

  test.each([
    ['404', notFound],
    ['400', (_: unknown, response: Parameters<FakeAnswer>[1]) => void response.writeHead(400).end()],
    ['a page for browsers', (_: unknown, response: Parameters<FakeAnswer>[1]) => void response.end('<html>')],
  ] as const)(
    'are those of the tag that stands for them where the upstream has no such API and answers %s',
    async (_, answer) => {
      CONTENT.set(FALLBACK_TAG, indexOf(LISTED))
      upstream.answer = withApi(answer)

      expect(await list(mirror.client, 'far/app')).toMatchObject({ manifests: LISTED, warning: null })
      CONTENT.set(FALLBACK_TAG, SUBJECT)
      expect(await list(mirror.client, 'far/app')).toMatchObject({ manifests: [], warning: null })
      CONTENT.delete(FALLBACK_TAG)
      expect(await list(mirror.client, 'far/app')).toMatchObject({ manifests: [], warning: null })
      expect(upstream.asked.at(-1)).toBe(`GET /v2/app/manifests/${FALLBACK_TAG}`)
    },
  )

  test('are read page by page, at the upstream alone, whatever a Link names', async () => {
    await using other = await FakeUpstream.start(serveList)
    upstream.answer = withApi(({ url = '' }, response) => {
      const isSecond = url.endsWith('?page=2')
      const link = { link: `<${other.url}/v2/other/referrers/all?page=2>; rel="next"` }
      sendIndex(response, isSecond ? LISTED.slice(1) : LISTED.slice(0, 1), link)
    })

    expect(await list(mirror.client, 'far/app')).toMatchObject({ manifests: LISTED, warning: null })
    // The second page once more: it brings nothing new, and so it is the last one.
    expect(upstream.asked).toEqual([REFERRERS, `${REFERRERS}?page=2`, `${REFERRERS}?page=2`])
    expect(other.asked).toEqual([])
  })

  test.each([
    ['fails', (_: unknown, response: Parameters<FakeAnswer>[1]) => void response.writeHead(503).end()],
    ['refuses', (_: unknown, response: Parameters<FakeAnswer>[1]) => void response.writeHead(403).end()],
    [
      'sends what is no list',
      (_: unknown, response: Parameters<FakeAnswer>[1]) =>
        void response.writeHead(200, { 'content-type': INDEX_TYPE }).end('{"a": 1'),
    ],
    ['sends descriptors of nothing', (_: unknown, response: Parameters<FakeAnswer>[1]) => sendIndex(response, [{ digest: 'a' }])],
    ['has a list without an end', endless],
  ] as const)('are those that are here, with a warning, where the upstream %s', async (_, answer) => {
    await pull(SUBJECT.digest, SBOM.manifest.digest)
    upstream.answer = withApi(answer)

    const warning = `111 - "${upstream.url} gave no list of referrers"`
    expect(await list(mirror.client, 'far/app')).toMatchObject({ manifests: [described(SBOM)], warning })
    expect(await list(mirror.client, 'far/other')).toMatchObject({ manifests: [], warning })
    await mirror.log.line(({ message }) => message === 'the upstream lists no referrers, those that are here are listed')
  })

  test('go with the image that they are about, as one', async () => {
    await restart({ unused: '1s' })
    await pull(SUBJECT.digest, SBOM.manifest.digest, SIGNATURE.manifest.digest)

    const used = () => usedOnDisk(folder.join('data'), (repository) => repository === 'far/app')
    await poll('all of it has gone', 90_000, async () => used() === 0 || undefined)
    const line = await mirror.log.line(({ message }) => message === 'a mirror let go of what was used least')
    expect(line.fields).toMatchObject({ images: 1, because: 'age' })
  })
})

/** Each page has one more, and leads on. */
function endless({ url = '' }: Parameters<FakeAnswer>[0], response: Parameters<FakeAnswer>[1]): void {
  const page = Number(/page=(\d+)/.exec(url)?.[1] ?? 0)
  const digest = `sha256:${String(page).padStart(64, '0')}`
  sendIndex(response, [{ mediaType: INDEX_TYPE, digest, size: 1 }], { link: `<?page=${page + 1}>; rel="next"` })
}

const KINDS = [
  ['Berth, by its API', startBerth],
  ['registry:2, by the tag that stands for it', startPeer],
] as const

describeWith({ programs: [PEER_PROGRAM] }, 'Referrers of a mirror of', () => {
  test.each(KINDS)('%s are those that its clients pushed', async (_, startUpstream) => {
    using folder = new TemporaryFolder()
    await using upstream = await startUpstream({ folder, dataDirectory: folder.join('upstream') })
    const pushing = new RegistryClient(upstream.url)
    for (const image of [APP, SIGNATURE, SBOM]) {
      for (const blob of blobsOf(image)) await pushing.pushBlob('app', blob)
      await expectStatus(await pushing.putManifest('app', image.manifest.digest, image.manifest), 201)
    }
    // What a client does where the registry has no API of referrers; another one lists them all the same, once.
    await expectStatus(await pushing.putManifest('app', FALLBACK_TAG, indexOf([described(SBOM), described(SIGNATURE)])), 201)
    await using mirror = await AppInTest.start(folder, { mirrors: [{ prefix: 'far', url: upstream.url }] })

    expect(await list(mirror.client, 'far/app')).toMatchObject({
      ...{ manifests: inOrder([described(SBOM), described(SIGNATURE)]), warning: null },
    })
  })
})
