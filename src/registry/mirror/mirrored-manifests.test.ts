import { expect, test } from 'bun:test'
import { FakeUpstream } from '../../../test/support/fake-upstream.ts'
import { makeImage } from '../../../test/support/images.ts'
import { RecordedLog } from '../../../test/support/recorded-log.ts'
import { parseDigest } from '../../oci/digest.ts'
import { OCI_IMAGE_MANIFEST } from '../../oci/media-types.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'
import { storageFull } from '../../storage/storage-errors.ts'
import { Upstream } from '../../upstream/upstream.ts'
import { Absences } from './absences.ts'
import { NO_EVENTS } from './mirror-events.ts'
import { MirroredManifests } from './mirrored-manifests.ts'

const APP = parseRepositoryName('app')
const LATEST = parseTag('latest')
const HELD = { digest: parseDigest(makeImage('held').manifest.digest), mediaType: OCI_IMAGE_MANIFEST, size: 7 }
const MOVED = makeImage('moved').manifest

test.each([
  ['the storage is full', storageFull(), true],
  ['the registry itself is at fault', new TypeError('a bug'), false],
])('a tag that has moved while %s', async (_, failure, isServed) => {
  await using server = await FakeUpstream.start(({ method }, response) => {
    response.writeHead(200, { 'docker-content-digest': MOVED.digest, 'content-type': MOVED.mediaType })
    response.end(method === 'HEAD' ? undefined : MOVED.bytes)
  })
  const log = new RecordedLog()
  const manifests = {
    get: async () => HELD,
    read: async () => ({ manifest: HELD, content: new Uint8Array(7) }),
    put: async () => {
      throw failure
    },
  }
  const upstream = new Upstream({ url: new URL(server.url) })
  let stale = 0
  const mirrored = new MirroredManifests({
    ...{ upstream, manifests, tagsFreshMs: 0, signal: new AbortController().signal, log },
    absences: new Absences(),
    events: { ...NO_EVENTS, servedStale: () => (stale += 1) },
  })

  const got = mirrored.get(APP, LATEST)

  if (isServed) expect(await got).toEqual({ ...HELD, unconfirmedBy: server.url })
  else await expect(got).rejects.toThrow('a bug')
  expect(stale).toBe(isServed ? 1 : 0)
  expect(log.lines.map(({ level }) => level)).toEqual(isServed ? ['warn'] : [])
})

test('a tag within its ttl, and a digest, are looked up once each time, as what was pushed here', async () => {
  await using server = await FakeUpstream.start((_, response) => void response.writeHead(304).end())
  const asked: string[] = []
  const manifests = {
    get: async () => {
      asked.push('get')
      return HELD
    },
    read: async () => {
      asked.push('read')
      return { manifest: HELD, content: new Uint8Array(7) }
    },
    put: async () => {
      throw new Error('nothing is put')
    },
  }
  const upstream = new Upstream({ url: new URL(server.url) })
  const mirrored = new MirroredManifests({
    ...{ upstream, manifests, tagsFreshMs: 3_600_000, signal: new AbortController().signal, log: new RecordedLog() },
    absences: new Absences(),
    events: NO_EVENTS,
  })
  await mirrored.read(APP, LATEST)
  asked.length = 0

  await mirrored.read(APP, LATEST)
  await mirrored.get(APP, LATEST)
  await mirrored.read(APP, HELD.digest)
  await mirrored.get(APP, HELD.digest)

  expect(asked).toEqual(['read', 'get', 'read', 'get'])
  expect(server.asked.length).toBe(1)
})
