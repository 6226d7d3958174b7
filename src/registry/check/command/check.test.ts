import { afterEach, beforeEach, describe, expect, spyOn, test } from 'bun:test'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { blobOf, DamagedRegistry, digestIn } from '../../../../test/support/damaged-registry.ts'
import { jsonContent, makeImage, makeImageIndex } from '../../../../test/support/images.ts'
import { ListingStore } from '../../../../test/support/listing-store.ts'
import { describeOnStores, STORE_START_MS } from '../../../../test/support/object-store.ts'
import { RestartableRegistry } from '../../../../test/support/restartable-registry.ts'
import { openS3Storage, s3Settings } from '../../../../test/support/s3-storage.ts'
import { findClaimOn, insertClaims } from '../../../metadata/claims.ts'
import { parseRepositoryName } from '../../../oci/name.ts'
import { parseTag } from '../../../oci/reference.ts'
import { type StorageDriver, storagePath } from '../../../storage/driver.ts'
import { berthLayout, layout } from '../../../storage/layout.ts'
import { StorageFault } from '../../../storage/storage-errors.ts'

const app = parseRepositoryName('team/app')
const other = parseRepositoryName('team/other')
const v1 = parseTag('v1')
const image = makeImage('app', { layers: 2 })
const [layer, second] = image.layers as [Layer, Layer]
type Layer = (typeof image.layers)[number]
const child = makeImage('child', { layers: 1 })
const index = makeImageIndex([child])
const signal = new AbortController().signal

describe('on a directory', () => define(async () => ({ driver: 'filesystem' })))
describe('on a store that lists as a bucket', () => define(async () => ({ driver: new ListingStore() })))
describeOnStores('on a bucket', (store) => define(async () => await openS3Storage(s3Settings(await store().newBucket()))), [
  'versitygw',
])

interface Opened {
  readonly driver: 'filesystem' | StorageDriver
  readonly cleanUp?: () => Promise<void> | void
}

function define(open: () => Promise<Opened>): void {
  let opened: Opened
  let berth: RestartableRegistry
  let lab: DamagedRegistry

  beforeEach(async () => {
    opened = await open()
    berth = await RestartableRegistry.start({ storage: opened.driver }, { database: 'kept', maintenance: 'off' })
    lab = new DamagedRegistry(berth)
    await lab.push(app, 'v1', image)
    await berth.registry.backgroundScan.run(signal)
  }, STORE_START_MS)
  afterEach(async () => {
    await berth[Symbol.asyncDispose]()
    await opened.cleanUp?.()
  })

  const pulls = async () => ({
    manifest: await lab.status(`/v2/${app}/manifests/v1`),
    layers: await Promise.all(image.layers.map(({ digest }) => lab.status(`/v2/${app}/blobs/${digest}`))),
  })
  const ALL = { manifest: 200, layers: [200, 200] }

  test('a storage in which nothing is damaged has no findings, and nothing of it changes', async () => {
    await lab.push(app, 'multi-child', child)
    await lab.putManifest(app, 'multi', index.manifest)

    expect(await lab.check({ repairs: true })).toEqual([])
    expect(await pulls()).toEqual(ALL)
  })

  test('1: a flipped bit is found, moved aside, and healed by the next push, in each repository that has the layer', async () => {
    await lab.push(other, 'v1', image)
    await lab.flip(layer)

    expect(await lab.check()).toEqual([`wrong-bytes found blob ${layer.digest}`])
    expect(await lab.check({ repairs: true })).toEqual([`wrong-bytes quarantined blob ${layer.digest}`])

    expect(await lab.storage.stat(berthLayout.quarantined(digestIn(layer)))).toMatchObject({
      kind: 'file',
      size: layer.bytes.length,
    })
    expect(await pulls()).toEqual({ manifest: 200, layers: [404, 200] })
    expect(await lab.check()).toEqual([`missing-bytes found layer ${layer.digest}`, `missing-bytes found layer ${layer.digest}`])
    await lab.push(app, 'v1', image)
    expect(await pulls()).toEqual(ALL)
    expect(await lab.status(`/v2/${other}/blobs/${layer.digest}`)).toBe(200)
    expect(await lab.check()).toEqual([])
  })

  test('wrong bytes of which a process that was killed has made the copy alone are moved aside again', async () => {
    await lab.flip(layer)
    const wrong = layer.bytes.slice()
    wrong[0] = (wrong[0] ?? 0) ^ 1
    await lab.write(berthLayout.quarantined(digestIn(layer)), wrong)

    expect(await lab.check({ repairs: true })).toEqual([`wrong-bytes quarantined blob ${layer.digest}`])

    await lab.push(app, 'v1', image)
    expect([await lab.check(), await pulls()]).toEqual([[], ALL])
    expect(await lab.storage.stat(berthLayout.quarantined(digestIn(layer)))).toMatchObject({ size: wrong.length })
  })

  test('2: bytes that were cut are found and moved aside, and the next push brings them', async () => {
    await lab.write(blobOf(layer), layer.bytes.slice(0, 10))

    expect(await lab.check({ repairs: true })).toEqual([`wrong-bytes quarantined blob ${layer.digest}`])

    await lab.push(app, 'v1', image)
    expect([await lab.check(), await pulls()]).toEqual([[], ALL])
  })

  test('3: a layer link without bytes is found, and healed by a push', async () => {
    await lab.remove(blobOf(layer))

    expect(await lab.check({ repairs: true })).toEqual([`missing-bytes not-mended layer ${layer.digest}`])

    await lab.push(app, 'v1', image)
    expect([await lab.check(), await pulls()]).toEqual([[], ALL])
  })

  test('4: a manifest without bytes, or with wrong ones, gets them back from the metadata', async () => {
    await lab.remove(blobOf(image.manifest))
    expect(await lab.check({ repairs: true })).toEqual([`missing-bytes mended manifest ${image.manifest.digest}`])
    expect(await lab.check()).toEqual([])

    await lab.flip(image.manifest)
    expect(await lab.check({ repairs: true })).toEqual([`wrong-bytes mended manifest ${image.manifest.digest}`])

    expect([await lab.check(), await pulls()]).toEqual([[], ALL])
    await berth.restart({ database: 'gone', maintenance: 'off' })
    expect(await pulls()).toEqual(ALL)
  })

  test('5: a manifest that the metadata has not got either is told, and a push of it heals it', async () => {
    await lab.flip(image.manifest)
    await berth.restart({ database: 'gone', maintenance: 'off' })
    await berth.registry.backgroundScan.run(signal)

    expect(await lab.check({ repairs: true })).toEqual([`wrong-bytes quarantined manifest ${image.manifest.digest}`])

    expect(await lab.status(`/v2/${app}/manifests/${image.manifest.digest}`, 'HEAD')).toBe(404)
    expect(await lab.check()).toContain(`missing-bytes found manifest ${image.manifest.digest}`)
    await lab.push(app, 'v1', image)
    expect([await lab.check(), await pulls()]).toEqual([[], ALL])
  })

  test('6: a torn link of a layer, of a revision and of a tag are written again', async () => {
    const digest = digestIn(image.manifest)
    await lab.write(layout.layerLink(app, digestIn(layer)), layer.digest.slice(0, 20))
    await lab.write(layout.layerLink(app, digestIn(second)), layer.digest)
    await lab.write(storagePath(layout.revision(app, digest), 'link'), '')
    await lab.write(storagePath(layout.tag(app, v1), 'current/link'), 'sha256:')

    const found = await lab.check()
    const mended = await lab.check({ repairs: true })

    const names = [`layer ${layer.digest}`, `layer ${second.digest}`, `manifest ${digest}`, 'tag v1']
    expect(found.toSorted()).toEqual(names.map((name) => `broken-link found ${name}`).toSorted())
    expect(mended.toSorted()).toEqual(names.map((name) => `broken-link mended ${name}`).toSorted())
    expect(await lab.check()).toEqual([])
    await berth.restart({ database: 'gone', maintenance: 'off' })
    expect(await pulls()).toEqual(ALL)
  })

  test('7: a layer that a manifest names and that has lost its link is linked again', async () => {
    await lab.remove(layout.layerLink(app, digestIn(layer)))
    await berth.restart({ database: 'kept', maintenance: 'off' })
    await berth.registry.backgroundScan.run(signal)

    expect(await lab.check({ repairs: true })).toEqual([`missing-link mended layer ${layer.digest}`])

    expect([await lab.check(), await pulls()]).toEqual([[], ALL])
  })

  test('8: a tag and an image index that lead to a manifest which is not there are told, and stay', async () => {
    await lab.push(app, 'child', child)
    await lab.putManifest(app, 'multi', index.manifest)
    await lab.remove(storagePath(layout.revision(app, digestIn(child.manifest)), 'link'))
    await berth.restart({ database: 'kept', maintenance: 'off' })
    await berth.registry.backgroundScan.run(signal)

    const found = await lab.check({ repairs: true })

    expect(found.toSorted()).toEqual([
      'dangling-tag not-mended tag child',
      `missing-child not-mended manifest ${child.manifest.digest}`,
    ])
  })

  test('9: rows that say something else than the storage follow it', async () => {
    await lab.remove(layout.layerLink(app, digestIn(layer)))
    await lab.remove(storagePath(layout.tag(app, v1), 'current/link'))

    const found = await lab.check({ repairs: true })

    expect(found.toSorted()).toEqual([
      `missing-link mended layer ${layer.digest}`,
      `stale-row mended layer ${layer.digest}`,
      'stale-row mended tag v1',
    ])
    expect(await lab.status(`/v2/${app}/manifests/v1`)).toBe(404)
    expect(await lab.check()).toEqual([])
  })

  test('a manifest that cannot be served, and what Berth does not know, are told, and are no damage', async () => {
    const old = jsonContent('application/vnd.docker.distribution.manifest.v1+prettyjws', {
      ...{ schemaVersion: 1, name: 'app', tag: 'old', architecture: 'amd64', fsLayers: [{ blobSum: layer.digest }], history: [] },
    })
    const unknown = `${layout.repository(app)}/_layers/sha384`
    await lab.write(blobOf(old), old.bytes)
    await lab.write(storagePath(layout.revision(app, digestIn(old)), 'link'), old.digest)
    await lab.write(storagePath(unknown, 'ab'.repeat(48), 'link'), 'of another registry')
    await berth.restart({ database: 'kept', maintenance: 'off' })
    await berth.registry.backgroundScan.run(signal)

    const found = await lab.check({ repairs: true })

    expect(found).toEqual([`not-servable not-mended manifest ${old.digest}`, `unknown-content not-mended ${unknown}`])
    expect(await pulls()).toEqual(ALL)
  })

  test('bytes that the storage does not give are told, and nothing is done about them', async () => {
    const content = berth.storage.content.bind(berth.storage)
    const broken = spyOn(berth.storage, 'content').mockImplementation(async (path, ...part) => {
      if (path === blobOf(layer)) throw new StorageFault({ cause: new Error('EIO') })
      return await content(path, ...part)
    })

    const found = await lab.check({ repairs: true }).finally(() => broken.mockRestore())

    expect(found).toEqual([`unreadable not-mended blob ${layer.digest}`])
    expect([await lab.check(), await pulls()]).toEqual([[], ALL])
  })

  test('a blob that a push has a claim on is left alone', async () => {
    await lab.flip(layer)
    const name = { kind: 'blob', digest: digestIn(layer) } as const
    const owner = { process: 'another', operation: 'a push' }
    await berth.metadata.write((query) => insertClaims(query, [{ name, alone: false }], owner, 1))

    expect(await lab.check({ repairs: true })).toEqual([`wrong-bytes not-mended blob ${layer.digest}`])

    expect(await findClaimOn(berth.metadata.read, name)).toMatchObject(owner)
    expect(await lab.storage.stat(blobOf(layer))).toMatchObject({ kind: 'file' })
  })

  test('what cannot be pulled is removed when it is named, and what can be pulled is not', async () => {
    await lab.push(app, 'child', child)
    await lab.remove(blobOf(child.manifest))
    await berth.restart({ database: 'gone', maintenance: 'off' })
    const digest = digestIn(child.manifest)

    expect(await berth.registry.unservable.remove(app, digest)).toEqual([parseTag('child')])
    await expect(berth.registry.unservable.remove(app, v1)).rejects.toMatchObject({ code: 'DENIED' })
    await expect(berth.registry.unservable.remove(app, digest)).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' })

    expect([await lab.check(), await pulls()]).toEqual([[], ALL])
  })

  test('what cannot be pulled stays while it is held, by its digest or by a tag on it', async () => {
    await lab.push(app, 'child', child)
    await lab.storage.remove(layout.blobDirectory(digestIn(child.manifest)), 'data')
    await berth.restart({ database: 'gone', maintenance: 'off' })
    const { unservable, holds } = berth.registry
    const [digest, tag] = [digestIn(child.manifest), parseTag('child')]

    for (const held of [digest, tag]) {
      await holds.hold(app, held)
      await expect(unservable.remove(app, digest)).rejects.toMatchObject({ code: 'DENIED', detail: { held } })
      await holds.unhold(app, held)
    }

    expect(await unservable.remove(app, digest)).toEqual([tag])
  })
}

test('a directory in the place of the bytes is moved aside, so that a push can bring them', async () => {
  await using berth = await RestartableRegistry.start({ storage: 'filesystem' }, { database: 'kept', maintenance: 'off' })
  const lab = new DamagedRegistry(berth)
  await lab.push(app, 'v1', image)
  const path = join(berth.dataDirectory, blobOf(layer))
  rmSync(path)
  mkdirSync(path)

  const found = await lab.check({ repairs: true })
  await lab.push(app, 'v1', image)

  expect(found).toEqual([`missing-bytes quarantined layer ${layer.digest}`])
  expect(await lab.check()).toEqual([])
})
