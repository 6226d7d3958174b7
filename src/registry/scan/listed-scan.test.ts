import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { makeImage } from '../../../test/support/images.ts'
import { ListingStore } from '../../../test/support/listing-store.ts'
import { RecordedLog } from '../../../test/support/recorded-log.ts'
import { RestartableRegistry } from '../../../test/support/restartable-registry.ts'
import { placementOf } from '../../../test/support/storage-driver-contract.ts'
import { ensureRepository } from '../../metadata/changes.ts'
import { findBlob, findLink, findManifest, findRepository, findTag } from '../../metadata/content.ts'
import { setTag } from '../../metadata/history/tag-changes.ts'
import { nextNumber } from '../../metadata/query.ts'
import { type Digest, parseDigest } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'
import { layout } from '../../storage/layout.ts'
import { Reconcile } from '../heal/reconcile.ts'
import { StorageView } from '../heal/storage-view.ts'
import { ListedScan } from './listed-scan.ts'
import { Obstacles } from './obstacles.ts'
import { UnreadableNames } from './unreadable-names.ts'

const EPOCH = 1
const repository = parseRepositoryName('a/b')
const tag = parseTag('v1')
const old = makeImage('old', { layers: 1 })
const young = makeImage('young', { layers: 1 })
const oldDigest = parseDigest(old.manifest.digest)
const youngDigest = parseDigest(young.manifest.digest)
const layer = parseDigest(old.layers[0]?.digest ?? '')

let berth: RestartableRegistry
let storage: ListingStore
let scan: ListedScan

beforeEach(async () => {
  berth = await RestartableRegistry.start({ storage: 'inmemory' }, { database: 'kept', maintenance: 'off' })
  storage = new ListingStore()
  const { metadata } = berth
  const view = new StorageView(storage, metadata.read)
  const reconcile = new Reconcile({ metadata, view, processId: 'mine', epoch: EPOCH, unknownForMs: 0 })
  const unreadable = new UnreadableNames({ askStorage: async () => undefined, metadata, epoch: EPOCH, log: new RecordedLog() })
  const obstacles = new Obstacles({ storage, metadata, epoch: EPOCH, log: new RecordedLog() })
  scan = new ListedScan({ storage, metadata, view, reconcile, unreadable, obstacles })
  for (const image of [old, young]) await placeImage(image)
  await moveTag(oldDigest)
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
})

async function placeImage({ manifest, config, layers }: typeof old): Promise<void> {
  for (const { digest, bytes } of [manifest, config, ...layers]) {
    await storage.place([{ directory: layout.blobDirectory(parseDigest(digest)), files: [{ name: 'data', bytes }] }])
  }
  for (const { digest } of [config, ...layers]) {
    await storage.place([placementOf(layout.layer(repository, parseDigest(digest)), { link: digest })])
  }
  const revision = layout.revision(repository, parseDigest(manifest.digest))
  await storage.place([placementOf(revision, { link: manifest.digest })])
}

async function moveTag(digest: Digest): Promise<void> {
  await storage.place([placementOf(layout.tag(repository, tag), { 'current/link': digest })])
}

/** As another process does it: the storage first, then the row. */
async function pushTag(digest: Digest | null): Promise<void> {
  if (digest === null) await storage.remove(layout.tag(repository, tag))
  else await moveTag(digest)
  await berth.metadata.write(async (query) => {
    const stamp = { number: await nextNumber(query), epoch: EPOCH }
    await setTag(query, await ensureRepository(query, repository, EPOCH), tag, digest, stamp)
  })
}

async function scanAll(): Promise<void> {
  const { signal } = new AbortController()
  await scan.names()
  await scan.blobs(signal)
  storage.reads = []
  await scan.repositories(signal)
}

async function rows() {
  const { read } = berth.metadata
  const row = await findRepository(read, repository)
  if (row === undefined) return undefined
  return {
    scannedEpoch: row.scannedEpoch,
    tag: (await findTag(read, row.id, tag))?.digest,
    held: await Promise.all(
      [oldDigest, youngDigest].map(async (digest) => (await findManifest(read, row.id, digest))?.held === 1),
    ),
    link: (await findLink(read, row.id, layer))?.target,
  }
}

const RIGHT = { scannedEpoch: EPOCH, tag: oldDigest, held: [true, true], link: layer }

test('what the list proves is not read: of a bucket that nobody knows the manifests alone', async () => {
  await scanAll()

  expect(await rows()).toEqual(RIGHT)
  // The other one was read for the names.
  expect(storage.reads).toHaveLength(1)
  expect(storage.reads[0]).toMatch(/\/blobs\/sha256\/.*\/data$/)
})

test('of one repository all links are known by lists of its own', async () => {
  await scan.blobs(new AbortController().signal)
  storage.reads = []

  await scan.repository(repository)

  expect(await rows()).toEqual(RIGHT)
  expect(storage.reads.filter((path) => path.endsWith('/link'))).toEqual([])
})

describe.each([
  ['no ETag', () => undefined],
  ['another hash in place of an MD5', (text: string) => createHash('md5').update(`encrypted ${text}`).digest('hex')],
  ['one ETag for everything', () => 'd41d8cd98f00b204e9800998ecf8427e'],
])('of a store that tells %s', (_, etag) => {
  test('every link is read, and right', async () => {
    storage.etag = etag

    await scanAll()

    expect(await rows()).toEqual(RIGHT)
    expect(storage.reads.filter((path) => path.endsWith('/link')).length).toBeGreaterThan(5)
  })
})

test('a tag that is pushed or deleted after the list was made is not undone', async () => {
  for (const pushed of [youngDigest, null]) {
    await pushTag(oldDigest)
    storage.onListed = async (path) => {
      storage.onListed = async () => undefined
      expect(path).toBe(layout.repositories)
      await pushTag(pushed)
    }

    await scan.names()
    await scan.repositories(new AbortController().signal)
    expect((await rows())?.tag).toBe(pushed)
    await scan.repository(repository)
    expect((await rows())?.tag).toBe(pushed)
  }
})

test('a tag that is pushed while the list of its repository is answered is not undone', async () => {
  storage.onListed = async (path) => {
    if (path === layout.tags(repository)) await pushTag(youngDigest)
  }

  await scan.repository(repository)

  expect((await rows())?.tag).toBe(youngDigest)
})

test.each([
  ['pushed', youngDigest],
  ['deleted', null],
])('a list that does not show yet that a tag was %s changes nothing', async (_, pushed) => {
  await pushTag(oldDigest)
  await storage.goStale()
  await pushTag(pushed)

  await scanAll()

  expect((await rows())?.tag).toBe(pushed)
})

test('what a list does not show yet is asked for by name', async () => {
  await storage.remove(layout.tag(repository, tag))
  await storage.goStale()
  await pushTag(oldDigest)

  await scanAll()

  expect(await rows()).toEqual(RIGHT)
})

test('what is gone is gone from the metadata, bytes and links', async () => {
  await scanAll()
  await storage.remove(layout.blobDirectory(layer))
  await storage.remove(layout.tag(repository, tag))

  await scan.blobs(new AbortController().signal)
  await scan.repository(repository)

  expect(await rows()).toEqual({ ...RIGHT, tag: null, link: null })
  expect(await findBlob(berth.metadata.read, layer)).toBeUndefined()
})

test('an empty file is no blob, whatever its name says', async () => {
  await storage.place([placementOf(layout.blobDirectory(layer), { data: '' })])

  await scanAll()

  expect(await rows()).toEqual({ ...RIGHT, link: undefined })
  expect(await findBlob(berth.metadata.read, layer)).toBeUndefined()
})
