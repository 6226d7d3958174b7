import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { AppInTest } from '../support/app-in-test.ts'
import { FakeUpstream } from '../support/fake-upstream.ts'
import { Gate } from '../support/gate.ts'
import { blobsOf, type Content, type Image, makeImageIndex } from '../support/images.ts'
import { poll } from '../support/processes.ts'
import { Reader } from '../support/reader.ts'
import { expectStatus } from '../support/registry-client.ts'
import { imageOf, sizedImage, sizedLayer } from '../support/sized-image.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { serveImages } from '../support/upstream-images.ts'
import { usedOnDisk } from '../support/used-on-disk.ts'

setDefaultTimeout(120_000)
const SOON_MS = 90_000
const MB = 1_000_000
const SHARED = sizedLayer('shared', MB)
const IMAGES = {
  one: sizedImage('one', MB),
  two: sizedImage('two', MB),
  three: sizedImage('three', MB),
  large: sizedImage('large', 4 * MB),
  sharing: imageOf('sharing', [SHARED]),
} satisfies Record<string, Image>
type Name = keyof typeof IMAGES
/** Room for two of the images, and some. */
const SIZE = '2500kB'

describe('the space of a mirror', () => {
  let folder: TemporaryFolder
  let upstream: FakeUpstream
  let app: AppInTest
  beforeEach(async () => {
    folder = new TemporaryFolder()
    upstream = await FakeUpstream.start(serveImages(IMAGES))
  })
  afterEach(async () => {
    await app[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  /** With a clock that goes in steps of 20 ms, where all that is there has been read. */
  const start = async (sections: Readonly<Record<string, object>>) => {
    const storage = { filesystem: { rootdirectory: folder.join('data') } }
    app = await AppInTest.start(folder, { storage, ...sections }, { collector: { tickMs: 20 } })
    await poll('the storage has been read', SOON_MS, async () => {
      const { scan } = (await (await app.request('GET', '/readyz')).json()) as { scan?: { complete: boolean } }
      return scan?.complete || undefined
    })
  }
  const restart = async (sections: Readonly<Record<string, object>>) => {
    await app[Symbol.asyncDispose]()
    await start(sections)
  }
  const mirrors = (limits: Record<string, unknown>) => ({ mirrors: [{ prefix: 'hub', url: upstream.url, ...limits }] })
  const pull = async (repository: string, image: Image) => {
    const manifest = await expectStatus(await app.client.getManifest(repository, 'latest'), 200)
    expect(Buffer.from(await manifest.bytes()).equals(image.manifest.bytes)).toBe(true)
    for (const { digest, bytes } of blobsOf(image)) {
      const answer = await expectStatus(await app.client.getBlob(repository, digest), 200)
      expect(Buffer.from(await answer.bytes()).equals(bytes)).toBe(true)
    }
  }
  const pullHub = async (...names: readonly Name[]) => {
    for (const name of names) await pull(`hub/${name}`, IMAGES[name])
  }
  const push = async (repository: string, image: Image) => {
    for (const blob of blobsOf(image)) await app.client.pushBlob(repository, blob)
    await expectStatus(await app.client.putManifest(repository, 'latest', image.manifest), 201)
  }
  /** How many blobs are fetched by a pull of these. */
  const fetchedBy = async (...names: readonly Name[]) => {
    upstream.asked.length = 0
    await pullHub(...names)
    return upstream.asked.filter((asked) => /^GET .*\/blobs\//.test(asked)).length
  }
  const used = (prefix = 'hub/') => usedOnDisk(folder.join('data'), (repository) => repository.startsWith(prefix))
  const isGone = async (name: Name) => await poll(`${name} has gone`, SOON_MS, async () => used(`hub/${name}`) === 0 || undefined)

  test('stays within its size: what was pulled least recently goes first, and comes again when it is pulled', async () => {
    await start(mirrors({ size: SIZE }))
    await pullHub('one', 'two')
    // What was pulled is noted, and at the next start later pulls are later.
    await restart(mirrors({ size: SIZE }))
    await pullHub('one')

    await pullHub('three')

    expect(used('hub/two')).toBe(0)
    expect(used()).toBeLessThan(2.5 * MB)
    expect(await fetchedBy('one', 'three')).toBe(0)
    expect(await fetchedBy('two')).toBe(2)
    expect(used()).toBeLessThan(2.5 * MB)
  })

  test('does not need its limit where it has none', async () => {
    await start(mirrors({}))

    await pullHub('one', 'two', 'three', 'large')

    // The last bytes are given before they are in their place.
    await poll('all of it is here', SOON_MS, async () => used() > 7 * MB || undefined)
    expect(await fetchedBy('one', 'two', 'three', 'large')).toBe(0)
  })

  test('loses what no client has pulled for so long, and nothing else', async () => {
    await start(mirrors({ unused: '1s' }))
    await push('mine/app', IMAGES.two)

    await pullHub('one')
    await isGone('one')

    expect(await fetchedBy('one')).toBe(2)
    await isGone('one')
    await pull('mine/app', IMAGES.two)
  })

  test('keeps what the other registry does not have any more, and what was pushed before there was a mirror', async () => {
    await start({})
    await push('hub/mine', IMAGES.sharing)
    await restart(mirrors({}))
    await pullHub('one', 'two')
    const there = serveImages({ two: IMAGES.two })
    upstream.answer = there
    await restart(mirrors({ unused: '1s' }))

    await isGone('two')

    expect([used('hub/one') > 0, used('hub/mine') > 0]).toEqual([true, true])
    await pull('hub/mine', IMAGES.sharing)
  })

  test('keeps all while the other registry is away', async () => {
    await start(mirrors({ unused: '1s' }))
    await pullHub('one')
    const answer = upstream.answer
    let isAsked = false
    upstream.answer = (_, response) => {
      isAsked = true
      response.writeHead(503).end()
    }
    await poll('it is asked whether it has the image', SOON_MS, async () => isAsked || undefined)
    expect(used('hub/one')).toBeGreaterThan(0)
    upstream.answer = answer
    await restart(mirrors({ unused: '1s' }))

    await isGone('one')
  })

  test('keeps the repositories that it is to keep, and what an operator holds', async () => {
    const keeping = mirrors({ unused: '1s', keep: ['one'] })
    await start(mirrors({}))
    await pullHub('one', 'two', 'three')
    await folder.file('data/docker/registry/v2/repositories/hub/two/_holds/latest', '{}\n')
    await restart(keeping)

    await isGone('three')

    expect(await fetchedBy('one', 'two')).toBe(0)
  })

  test('never takes what a repository of its own shares, and takes its link', async () => {
    await start(mirrors({ size: SIZE }))
    await push('mine/app', IMAGES.sharing)
    await pullHub('sharing', 'one')

    await pullHub('two', 'three')

    expect(used('hub/sharing')).toBe(0)
    await pull('mine/app', IMAGES.sharing)
  })

  test('serves a client that has the manifest of an image which has gone since', async () => {
    await start(mirrors({ size: SIZE }))
    await expectStatus(await app.client.getManifest('hub/one', 'latest'), 200)

    await pullHub('two', 'three', 'sharing')

    for (const { digest, bytes } of blobsOf(IMAGES.one)) {
      const answer = await expectStatus(await app.client.getBlob('hub/one', digest), 200)
      expect(Buffer.from(await answer.bytes()).equals(bytes)).toBe(true)
    }
    await expectStatus(await app.client.getManifest('hub/one', IMAGES.one.manifest.digest), 200)
  })

  test('takes blobs that no manifest names, in their turn', async () => {
    await start(mirrors({ size: SIZE }))
    for (const name of ['one', 'two', 'three'] as const) {
      const [layer] = IMAGES[name].layers
      await (await expectStatus(await app.client.getBlob(`hub/${name}`, layer?.digest ?? ''), 200)).bytes()
    }

    expect(used()).toBeLessThan(2.5 * MB)
  })

  test('gives a blob that is larger than all of it to all that ask, keeps nothing of it, and lets nothing go for it', async () => {
    await start(mirrors({ size: SIZE }))
    await pullHub('one', 'two')
    const gate = new Gate()
    const answer = upstream.answer
    const layer = IMAGES.large.layers[0] as Content
    upstream.answer = async (request, response) => {
      if (!request.url?.endsWith(layer.digest)) return await answer(request, response)
      response.writeHead(200, { 'content-length': layer.bytes.length }).write(layer.bytes.subarray(0, 2 * MB))
      await gate.pass()
      response.end(layer.bytes.subarray(2 * MB))
    }
    upstream.asked.length = 0

    const readers = await Promise.all([0, 1].map(() => Reader.of(app.client.getBlob('hub/large', layer.digest))))
    await Promise.all(readers.map((reader) => reader.until(MB)))
    gate.open()
    const read = await Promise.all(readers.map((reader) => reader.whole()))
    await app.log.line(({ message }) => message === 'a blob was fetched and not kept: it is larger than all of its mirror')
    const left = await filesIn(folder.join('data/berth/uploads'))
    const asked = upstream.asked.filter((line) => line.endsWith(layer.digest))
    await pullHub('large')

    expect(read.map((bytes) => Buffer.from(bytes).equals(layer.bytes))).toEqual([true, true])
    expect(asked).toEqual([`GET /v2/large/blobs/${layer.digest}`])
    expect(used('hub/large')).toBeLessThan(10_000)
    expect(await fetchedBy('one', 'two')).toBe(0)
    expect(app.log.lines.map(({ message }) => message)).not.toContain(
      'a mirror holds more than its size, nothing more of it can go',
    )
    expect(left).toEqual([])
  })

  test('takes an image index with the images that only it names', async () => {
    const index = makeImageIndex([IMAGES.one, IMAGES.two])
    upstream.answer = (request, response) => {
      const [, reference = ''] = /^\/v2\/[a-z]+\/manifests\/(.+)$/.exec(request.url ?? '') ?? []
      const images = [{ manifest: index.manifest, config: index.manifest, layers: [] }, IMAGES.one, IMAGES.two]
      const image = images.find(({ manifest }) => manifest.digest === reference) ?? images[0]
      const layer = /\/blobs\//.test(request.url ?? '')
        ? [IMAGES.one, IMAGES.two].find((one) => hasBlob(one, request.url))
        : image
      return serveImages(layer === undefined ? {} : { index: layer })(request, response)
    }
    await start({ mirrors: [{ prefix: 'hub', url: upstream.url, unused: '1s' }] })
    await expectStatus(await app.client.getManifest('hub/index', 'latest'), 200)
    for (const image of index.images) {
      await expectStatus(await app.client.getManifest('hub/index', image.manifest.digest), 200)
      for (const { digest } of blobsOf(image)) await (await app.client.getBlob('hub/index', digest)).bytes()
    }

    await poll('all of it has gone', SOON_MS, async () => used('hub/index') === 0 || undefined)

    await expectStatus(await app.client.getManifest('hub/index', 'latest'), 200)
  })

  test('is that of the whole registry where it is a cache', async () => {
    await start({ proxy: { remoteurl: upstream.url, size: SIZE, ttl: '0', keep: ['one'] } })

    for (const name of ['one', 'two', 'three'] as const) await pull(name, IMAGES[name])

    expect(used('')).toBeLessThan(2.5 * MB)
    expect([used('one') > 0, used('two')]).toEqual([true, 0])
  })
})

function hasBlob(image: Image, url = ''): boolean {
  return blobsOf(image).some(({ digest }) => url.endsWith(digest))
}

async function filesIn(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries.flatMap((entry) => (entry.isFile() ? [entry.name] : []))
}
