import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { AppInTest } from '../support/app-in-test.ts'
import { someOf } from '../support/effort.ts'
import { type FakeAnswer, FakeUpstream } from '../support/fake-upstream.ts'
import { blobsOf, type Image, makeImage, makeImageIndex } from '../support/images.ts'
import { MovedClock } from '../support/moved-clock.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { serveImages } from '../support/upstream-images.ts'
import { SERVERS } from '../support/wire.ts'

const HOUR_MS = 3_600_000
const APP = makeImage('away')
const INDEX = makeImageIndex([makeImage('amd64'), makeImage('arm64', { architecture: 'arm64' })])
const [AMD64] = INDEX.images as [Image]

/** The names by which clients call what is pulled. */
const WAYS = [
  ['proxy', ({ url }: FakeUpstream) => ({ proxy: { remoteurl: url, tagttl: '10m' } }), ['team/app', 'team/all']],
  [
    'a mirror with a prefix, which is the default',
    ({ url }: FakeUpstream) => ({ mirrors: [{ prefix: 'far', url, ttl: '10m', default: true }] }),
    ['far/team/app', 'team/all'],
  ],
] as const

const CASES = WAYS.flatMap(([way, ...rest]) =>
  SERVERS.map(([where, server]) => [`${way}, over ${where}`, server, ...rest] as const),
)

describe.each(someOf('ways to an upstream that is away', CASES, 2))(
  'an upstream that is away, of %s:',
  (_, server, sectionsOf, [app, all]) => {
    let folder: TemporaryFolder
    let upstream: FakeUpstream
    let mirror: AppInTest
    let clock: MovedClock

    const start = async () =>
      await AppInTest.start(
        folder,
        { storage: { filesystem: { rootdirectory: folder.join('data') } }, ...sectionsOf(upstream) },
        { server },
      )

    beforeEach(async () => {
      clock = new MovedClock()
      folder = new TemporaryFolder()
      upstream = await FakeUpstream.start(answer)
      mirror = await start()
    })
    afterEach(async () => {
      clock[Symbol.dispose]()
      await mirror[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    })

    /** By tag and by digest, with everything that belongs to it. */
    const pullAll = async () => {
      const warnings = [
        await pull(app, 'latest', APP.manifest),
        await pull(app, APP.manifest.digest, APP.manifest),
        await pull(all, 'latest', INDEX.manifest),
        await pull(all, AMD64.manifest.digest, AMD64.manifest),
      ]
      for (const [repository, image] of [
        [app, APP],
        [all, AMD64],
      ] as const) {
        for (const { digest, bytes } of blobsOf(image)) {
          const blob = await mirror.client.getBlob(repository, digest)
          expect({ status: blob.status, isRight: Buffer.from(await blob.bytes()).equals(bytes) }).toEqual({
            status: 200,
            isRight: true,
          })
        }
      }
      return warnings
    }
    const pull = async (repository: string, reference: string, { bytes, digest }: Image['manifest']) => {
      const manifest = await mirror.client.getManifest(repository, reference)
      expect(manifest.status).toBe(200)
      expect(Buffer.from(await manifest.bytes()).equals(bytes)).toBe(true)
      const head = await mirror.client.headManifest(repository, reference)
      expect([head.status, head.headers.get('docker-content-digest')]).toEqual([200, digest])
      return manifest.headers.get('warning')
    }

    test('everything that was pulled is pulled by tag and digest, hours later and after a restart', async () => {
      const told = `111 - "${upstream.url} could not confirm the tag"`
      expect(await pullAll()).toEqual([null, null, null, null])
      const { length } = upstream.asked
      await upstream[Symbol.asyncDispose]()

      clock.moveOn(HOUR_MS / 10)
      expect(await pullAll()).toEqual([null, null, null, null])
      clock.moveOn(HOUR_MS)
      expect(await pullAll()).toEqual([told, null, told, null])
      await mirror[Symbol.asyncDispose]()
      mirror = await start()
      expect(await pullAll()).toEqual([told, null, told, null])
      clock.moveOn(30 * 24 * HOUR_MS)
      expect(await pullAll()).toEqual([told, null, told, null])

      expect(upstream.asked.length).toBe(length)
      const other = await mirror.client.getManifest(app, 'other')
      expect(other.status).toBe(503)
      expect(await other.text()).toContain(`The upstream ${upstream.url} does not answer`)
    })

    test('what was never pulled comes when it is back', async () => {
      upstream.answer = (_, response) => void response.writeHead(503).end()
      for (let time = 0; time < 6; time += 1) expect((await mirror.client.getManifest(app, 'latest')).status).toBe(503)

      upstream.answer = answer
      clock.moveOn(HOUR_MS)

      expect(await pullAll()).toEqual([null, null, null, null])
    })
  },
)

const answer: FakeAnswer = (request, response) => {
  const isIndex = request.url === '/v2/team/all/manifests/latest'
  const image: Image = isIndex ? { ...AMD64, manifest: INDEX.manifest } : AMD64
  return serveImages({ 'team/app': APP, 'team/all': image })(request, response)
}
