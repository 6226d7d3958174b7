import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { pushImage } from '../../../test/collect/rows/row.ts'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { collectAll, TEST_POLICY } from '../../../test/support/collecting.ts'
import { blobsOf, type Content, type Image, makeImage, makeImageIndex } from '../../../test/support/images.ts'
import { expectStatus } from '../../../test/support/registry-client.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { ownWork } from '../../observe/actor.ts'
import { parseDigest } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'
import { layout } from '../../storage/layout.ts'
import { TagsMoved } from '../content/manifest-restoration.ts'
import type { DeletedRecord } from '../records/deleted-record.ts'
import { ContentGone, NoSuchDeletion, type Undeletable, Undeletion } from './undeletion.ts'

const app = parseRepositoryName('app')
const signal = new AbortController().signal
const [one, two] = ['one', 'two'].map((name) => makeImage(name, { layers: 1 })) as [Image, Image]
const children = [makeImage('both', { layers: 1 }), makeImage('both', { layers: 1, architecture: 'arm64' })] as const
const both = makeImageIndex([...children])

let folder: TemporaryFolder
let berth: BerthInProcess
let told: string[]

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await BerthInProcess.start(folder.join('data'), { collector: TEST_POLICY })
  await berth.scan()
  told = []
})
afterEach(async () => {
  await berth.stop()
  folder[Symbol.dispose]()
})

const tagOf = (tag: string): Undeletable => ({ kind: 'tag', repository: app, tag: parseTag(tag) })
const manifestOf = ({ digest }: Content): Undeletable => ({ kind: 'manifest', repository: app, digest: parseDigest(digest) })

async function bringBack(what: Undeletable, tag?: string): Promise<void> {
  const undeletion = new Undeletion({
    ...{ records: berth.registry.records, restoration: berth.registry.restoration, actor: ownWork('test'), signal },
    onRestored: ({ digest, tags, moved }) =>
      told.push(`${digest} ${tags.join(',')}${moved.map((other) => ` not ${other.tag}`).join('')}`),
    onGone: ({ digest }) => told.push(`gone ${digest}`),
    onUnreadable: (path) => told.push(`unreadable ${path}`),
  })
  await undeletion.bringBack(what, tag === undefined ? undefined : parseTag(tag))
}

async function deletes(...references: readonly string[]): Promise<void> {
  for (const reference of references) await expectStatus(await berth.client.deleteManifest('app', reference), 202)
}

async function records(): Promise<DeletedRecord[]> {
  return await Array.fromAsync(berth.registry.records.newestFirst(signal, (path) => told.push(`unreadable ${path}`)))
}

/** The digest to which a reference leads, all of whose blobs can be pulled. */
async function pulled(reference: string, image: Image): Promise<string | number> {
  const response = await berth.client.getManifest('app', reference)
  for (const { digest } of blobsOf(image)) await expectStatus(await berth.client.getBlob('app', digest), 200)
  return response.headers.get('docker-content-digest') ?? response.status
}

describe('a deletion', () => {
  test('of a tag leaves a record of what it pointed to, and the tag can be brought back by its name', async () => {
    await pushImage(berth.client, one, 'v1')
    await deletes('v1')

    const [record] = await records()
    await bringBack(tagOf('v1'))

    expect(record).toMatchObject({ how: 'tag delete', repository: app, kind: 'tag', digest: one.manifest.digest, tags: ['v1'] })
    expect((record?.untilMs ?? 0) - (record?.atMs ?? 0)).toBe(TEST_POLICY.graceMs)
    expect(await pulled('v1', one)).toBe(one.manifest.digest)
    expect(await records()).toEqual([])
  })

  test('of a manifest can be undone with all of its tags, also by its digest and by its id', async () => {
    for (const tag of ['v1', 'latest']) await pushImage(berth.client, one, tag)
    const ways = [
      () => manifestOf(one.manifest),
      () => tagOf('latest'),
      (record: DeletedRecord) => ({ kind: 'record', id: record.id }) as const,
    ]
    for (const way of ways) {
      await deletes(one.manifest.digest)
      expect((await berth.client.getManifest('app', 'v1')).status).toBe(404)
      const [record] = await records()

      await bringBack(way(record as DeletedRecord))

      expect([await pulled('v1', one), await pulled('latest', one)]).toEqual([one.manifest.digest, one.manifest.digest])
      expect(await records()).toEqual([])
    }
  })

  test('that was undone is as if it had not been: the collector takes nothing of it', async () => {
    await pushIndex('multi')
    await deletes(both.manifest.digest)
    await bringBack(tagOf('multi'))

    await collectAll(berth)

    for (const child of children) expect(await pulled(child.manifest.digest, child)).toBe(child.manifest.digest)
    expect((await berth.client.getManifest('app', 'multi')).status).toBe(200)
  })

  test('by the collector can be undone too, until its own grace is over', async () => {
    await pushIndex('multi')
    await deletes(both.manifest.digest)
    await collectAll(berth, 1)
    const [child] = children

    const [last] = await records()
    await bringBack(manifestOf(child.manifest))

    expect(last).toMatchObject({ how: 'collecting manifests', actor: { name: 'collector' }, kind: 'manifest', tags: [] })
    expect(await pulled(child.manifest.digest, child)).toBe(child.manifest.digest)
  })

  test('is refused with the digest that has gone once the collector took a layer', async () => {
    await pushImage(berth.client, one, 'v1')
    await pushImage(berth.client, two, 'v2')
    await deletes(one.manifest.digest)
    await collectAll(berth)

    const undoing = bringBack(tagOf('v1'))

    await expect(undoing).rejects.toBeInstanceOf(ContentGone)
    await expect(undoing).rejects.toMatchObject({ digest: one.manifest.digest, missing: [one.manifest.digest] })
    expect((await berth.client.getManifest('app', 'v1')).status).toBe(404)
  })

  test('is refused with the layer whose link a client removed', async () => {
    await pushImage(berth.client, one, 'v1')
    await deletes(one.manifest.digest)
    const [layer] = one.layers
    await expectStatus(await berth.client.request('DELETE', `/v2/app/blobs/${layer?.digest}`), 202)

    const undoing = bringBack(tagOf('v1'))

    await expect(undoing).rejects.toMatchObject({ digest: one.manifest.digest, missing: [layer?.digest] })
  })

  test('is refused where the bytes of the manifest are damaged', async () => {
    await pushImage(berth.client, one, 'v1')
    await deletes(one.manifest.digest)
    await Bun.write(folder.join('data', layout.blob(parseDigest(one.manifest.digest))), 'x')

    await expect(bringBack(tagOf('v1'))).rejects.toMatchObject({ missing: [one.manifest.digest] })
  })

  test('that never was is none', async () => {
    await expect(bringBack(tagOf('v1'))).rejects.toBeInstanceOf(NoSuchDeletion)
    await expect(bringBack({ kind: 'repository', repository: app })).rejects.toBeInstanceOf(NoSuchDeletion)
  })
})

describe('a tag that points elsewhere by now', () => {
  test('is not overwritten, and what was deleted comes back under another one', async () => {
    await pushImage(berth.client, one, 'v1')
    await deletes('v1')
    await pushImage(berth.client, two, 'v1')

    const undoing = bringBack(tagOf('v1'))
    await expect(undoing).rejects.toBeInstanceOf(TagsMoved)
    await expect(undoing).rejects.toMatchObject({ moved: [{ tag: 'v1', digest: two.manifest.digest }] })
    await bringBack(tagOf('v1'), 'v1-old')

    expect([await pulled('v1', two), await pulled('v1-old', one)]).toEqual([two.manifest.digest, one.manifest.digest])
  })

  test('stays, while the manifest and its other tags come back', async () => {
    for (const tag of ['v1', 'latest']) await pushImage(berth.client, one, tag)
    await deletes(one.manifest.digest)
    await pushImage(berth.client, two, 'latest')

    await bringBack(tagOf('v1'))

    expect([await pulled('v1', one), await pulled('latest', two)]).toEqual([one.manifest.digest, two.manifest.digest])
    expect(told).toEqual([`${one.manifest.digest} v1 not latest`])
    expect(await records()).toHaveLength(1)
  })
})

describe('a repository', () => {
  test('comes back whole, children of an index before it, and a tag as it was the last time', async () => {
    await pushIndex('multi')
    await pushImage(berth.client, one, 'v1')
    await deletes('v1')
    await pushImage(berth.client, two, 'v1')
    await deletes(
      both.manifest.digest,
      ...children.map(({ manifest }) => manifest.digest),
      two.manifest.digest,
      one.manifest.digest,
    )

    await bringBack({ kind: 'repository', repository: app })

    expect(await pulled('v1', two)).toBe(two.manifest.digest)
    expect((await berth.client.getManifest('app', 'multi')).status).toBe(200)
    for (const image of [...children, one]) expect(await pulled(image.manifest.digest, image)).toBe(image.manifest.digest)
    expect(told.filter((line) => line.startsWith('gone'))).toEqual([])
    expect(await records()).toEqual([])
  })

  test('comes back but for what has gone, which is told', async () => {
    await pushImage(berth.client, one, 'v1')
    await pushImage(berth.client, two, 'v2')
    await deletes(one.manifest.digest, two.manifest.digest)
    await expectStatus(await berth.client.request('DELETE', `/v2/app/blobs/${one.layers[0]?.digest}`), 202)

    await bringBack({ kind: 'repository', repository: app })

    expect(told.sort()).toEqual([`${two.manifest.digest} v2`, `gone ${one.manifest.digest}`].sort())
    expect(await pulled('v2', two)).toBe(two.manifest.digest)
  })

  test('of whose indexes one is wanted gives it with the children that were deleted as well', async () => {
    await pushIndex('multi')
    await deletes(both.manifest.digest, ...children.map(({ manifest }) => manifest.digest))

    await bringBack(tagOf('multi'))

    for (const child of children) expect(await pulled(child.manifest.digest, child)).toBe(child.manifest.digest)
    expect(await records()).toHaveLength(children.length)
  })
})

async function pushIndex(tag: string): Promise<void> {
  for (const child of children) await pushImage(berth.client, child, child.manifest.digest)
  await expectStatus(await berth.client.putManifest('app', tag, both.manifest), 201)
}
