import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { AppInTest } from '../../../test/support/app-in-test.ts'
import { type FakeAnswer, FakeUpstream, notFound, sendBlob, sendCut, startOf } from '../../../test/support/fake-upstream.ts'
import { blobsOf, type Content, type Image, makeImage } from '../../../test/support/images.ts'
import { expectStatus } from '../../../test/support/registry-client.ts'
import { sizedImage } from '../../../test/support/sized-image.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { serveRegistry } from '../../../test/support/upstream-images.ts'
import { Registries } from '../registry/registries.ts'
import { importRegistry, parseImport } from './import-registry.ts'
import type { ImportedTag, TagOutcome } from './import-run.ts'
import { parseImportSource } from './import-source.ts'

const IMAGES = { one: makeImage('one'), two: makeImage('two'), three: makeImage('three') }
const NEVER = new AbortController().signal
const ALL = { tags: [], bytesPerSecond: undefined, moves: false, isDry: false }

/** A registry that has these images with the tag v1, by the names of their repositories. */
function serving(images: Readonly<Record<string, Image>>): FakeAnswer {
  return serveRegistry(Object.fromEntries(Object.entries(images).map(([name, image]) => [name, { v1: image }])))
}

describe('an import', () => {
  let folder: TemporaryFolder
  let app: AppInTest
  beforeEach(async () => {
    folder = new TemporaryFolder()
    app = await AppInTest.start(folder, {})
  })
  afterEach(async () => {
    await app[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  interface Wishes {
    readonly repositories?: readonly string[]
    readonly login?: { readonly user: string; readonly password: string }
  }

  const imported = async (url: string, { repositories = [], login }: Wishes = {}) => {
    const [from, to] = [parseImportSource(url), parseImportSource(app.url)]
    const own = { authority: undefined, plainHttp: true, credentialFiles: [], certificateFolder: folder.path }
    const there = new Registries({ registry: from.registry, login, ...own })
    const here = new Registries({ registry: to.registry, login: undefined, ...own })
    const outcomes: Record<TagOutcome, number> = { brought: 0, there: 0, other: 0, failed: 0 }
    const failures: Record<string, string> = {}
    const waits: string[] = []
    const report = {
      onTag: ({ repository, tag, outcome, reason }: ImportedTag) => {
        outcomes[outcome] += 1
        if (reason !== undefined) failures[`${repository}:${tag}`] = reason
      },
      onSent: () => undefined,
      onRepository: (repository: string, reason: string) => {
        failures[repository] = reason
      },
      onWait: (why: string, ms: number) => void waits.push(`${ms} ms: ${why}`),
    }
    await importRegistry({ from, there, to, here }, parseImport({ ...ALL, repositories }), { report, signal: NEVER })
    return { outcomes, failures, waits }
  }
  const expectHere = async (repository: string, image: Image) => {
    const manifest = await expectStatus(await app.client.getManifest(repository, 'v1'), 200)
    expect(Buffer.from(await manifest.bytes()).equals(image.manifest.bytes)).toBe(true)
    for (const { digest, bytes } of blobsOf(image)) {
      const blob = await expectStatus(await app.client.getBlob(repository, digest), 200)
      expect(Buffer.from(await blob.bytes()).equals(bytes)).toBe(true)
    }
  }

  test('waits as long as the registry says that has had too many requests, and goes on where a blob broke off', async () => {
    const large = sizedImage('large', 2_000_000)
    const serve = serving({ large })
    const layer = blobsOf(large).find(({ bytes }) => bytes.length > 1_000_000) as Content
    const refused = new Set<string>()
    const starts: number[] = []
    await using other = await FakeUpstream.start(async (request, response) => {
      const { url = '', headers } = request
      if (url.includes('/manifests/') && !refused.has(url)) {
        refused.add(url)
        return void response.writeHead(429, { 'retry-after': '0' }).end()
      }
      if (!url.endsWith(layer.digest)) return await serve(request, response)
      starts.push(startOf(headers.range))
      if (starts.length > 1) return sendBlob(request, response, layer.bytes)
      await sendCut(response, { bytes: layer.bytes.subarray(0, 1_500_000), length: layer.bytes.length })
    })

    const { outcomes, waits } = await imported(other.url)

    expect(outcomes).toMatchObject({ brought: 1, failed: 0 })
    expect(waits[0]).toStartWith(`500 ms: The upstream ${other.url} has had too many requests (429)`)
    // The runtime drops what it has not handed over yet when a connection breaks.
    expect(starts).toEqual([0, expect.any(Number)])
    expect(starts[1]).toBeGreaterThan(0)
    await expectHere('large', large)
  })

  test('brings the rest where something is wrong, and names that with its reason', async () => {
    const [, layer] = blobsOf(IMAGES.two) as [Content, Content]
    const serve = serving({ ...IMAGES, four: makeImage('four') })
    await using other = await FakeUpstream.start((request, response) => {
      const { url = '' } = request
      if (url.startsWith('/v2/_catalog')) return void response.end('{"repositories": ["one", "two", "Bad/NAME", "four", "gone"]}')
      if (url.endsWith(layer.digest)) return sendBlob(request, response, Buffer.alloc(layer.bytes.length, 1))
      if (url.startsWith('/v2/four/manifests/')) return void response.writeHead(403).end()
      return serve(request, response)
    })

    const { outcomes, failures } = await imported(other.url)

    expect(outcomes).toEqual({ brought: 1, there: 0, other: 0, failed: 2 })
    expect(failures).toEqual({
      'two:v1': expect.stringContaining(`The blob ${layer.digest} is damaged where it comes from`),
      'Bad/NAME': 'its name cannot be one of a repository here',
      'four:v1': expect.stringContaining('does not allow this registry to pull that (403)'),
      gone: expect.stringContaining('There is no such repository'),
    })
    await expectHere('one', IMAGES.one)
    expect((await app.client.headManifest('two', 'v1')).status).toBe(404)
  })

  test('says what to do where the registry lists no repositories, and takes names', async () => {
    const serve = serving(IMAGES)
    await using other = await FakeUpstream.start((request, response) => {
      if (request.url?.startsWith('/v2/_catalog')) return void response.writeHead(401).end()
      return serve(request, response)
    })

    await expect(imported(other.url)).rejects.toThrow('Name the repositories with --repositories, without a star.')
    expect((await imported(other.url, { repositories: ['two'] })).outcomes).toMatchObject({ brought: 1, failed: 0 })
  })

  test('shows the password of the other registry to that one, and none to where its blobs lie', async () => {
    const serve = serving({ one: IMAGES.one })
    await using store = await FakeUpstream.start((request, response) => {
      const blob = blobsOf(IMAGES.one).find(({ digest }) => request.url?.endsWith(digest))
      return blob === undefined ? notFound(request, response) : sendBlob(request, response, blob.bytes)
    })
    const basic = `Basic ${Buffer.from('robot:secret').toString('base64')}`
    await using other = await FakeUpstream.start((request, response) => {
      if (request.headers.authorization !== basic)
        return void response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end()
      if (request.url?.includes('/blobs/'))
        return void response.writeHead(307, { location: `${store.otherUrl}${request.url}` }).end()
      return serve(request, response)
    })
    const { outcomes } = await imported(other.url, { login: { user: 'robot', password: 'secret' } })

    expect(outcomes).toMatchObject({ brought: 1, failed: 0 })
    expect([...new Set(store.shown)]).toEqual([undefined])
    await expectHere('one', IMAGES.one)
  })
})
