import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { ownWork } from '../../src/observe/actor.ts'
import { parseDigest } from '../../src/oci/digest.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { parseTag } from '../../src/oci/reference.ts'
import { type RestoredManifest, TagsMoved } from '../../src/registry/content/manifest-restoration.ts'
import { layout } from '../../src/storage/layout.ts'
import { collect, collectAll, DAY_MS, HOUR_MS, passTime } from '../support/collecting.ts'
import { processCounts } from '../support/effort.ts'
import { Gate, holdFirst } from '../support/gate.ts'
import { HeldPair } from '../support/held-pair.ts'
import { blobsOf, makeImage } from '../support/images.ts'
import { expectStatus } from '../support/registry-client.ts'
import { pushImage } from './rows/row.ts'

/** An undelete beside the collector and beside pushes, held at each other's steps: through one process and through two. */

const app = parseRepositoryName('app')
const image = makeImage('raced', { layers: 1 })
const other = makeImage('other', { layers: 1 })
const digest = parseDigest(image.manifest.digest)
const LINK_GOES = /^rename docker.*app\/_layers\/sha256\/[0-9a-f]{64} /
const BYTES_READ = /^read docker\/registry\/v2\/blobs\//
const REVISION_COMES = /^rename berth\/staging.*_manifests\/revisions/
const TAG_COMES = /^rename berth\/staging.*_manifests\/tags\/v1/

describe.each(processCounts('races of an undelete'))('through %d processes, an undelete', (processes) => {
  let pair: HeldPair

  beforeEach(async () => {
    pair = await HeldPair.start(processes)
    await pushImage(pair.serving.client, image, 'v1')
  })
  afterEach(async () => {
    await pair[Symbol.asyncDispose]()
  })

  async function deleted(): Promise<void> {
    await expectStatus(await pair.serving.client.deleteManifest('app', digest), 202)
  }

  async function undelete(): Promise<RestoredManifest> {
    const restore = { digest, tags: [parseTag('v1')], how: 'undelete', actor: ownWork('test') }
    return await pair.serving.registry.restoration.restore(app, restore, { needsTag: true })
  }

  async function expectWhole(): Promise<void> {
    for (const reference of ['v1', digest]) await expectStatus(await pair.serving.client.getManifest('app', reference), 200)
    for (const blob of blobsOf(image)) await expectStatus(await pair.serving.client.getBlob('app', blob.digest), 200)
  }

  /** Begins a work and holds it at its first call of that kind. */
  async function held<Result>(holds: RegExp, work: () => Promise<Result>, phase: 'before' | 'after' = 'before') {
    const gate = new Gate()
    pair.hook = holdFirst(gate, phase, holds)
    const working = work()
    await gate.reached()
    return async () => {
      gate.open()
      return await working
    }
  }

  test('waits while a link that it needs is being removed, and is refused then', async () => {
    // Keeps the bytes, so that only links go.
    await pushImage(pair.serving.client, image, 'kept', 'elsewhere')
    await deleted()
    await passTime(pair.collecting, DAY_MS)
    await collect(pair.collecting)
    await passTime(pair.collecting, HOUR_MS)
    const goOn = await held(LINK_GOES, () => collect(pair.collecting))

    const undone = undelete().catch((error: unknown) => error)
    await goOn()

    const missing = blobsOf(image).map((blob) => blob.digest)
    expect(await undone).toMatchObject({ code: 'MANIFEST_BLOB_UNKNOWN', missing: expect.arrayContaining(missing) })
    expect((await pair.serving.client.getManifest('app', 'v1')).status).toBe(404)
  })

  test('brings back the bytes of the manifest too that go after it has read them', async () => {
    await deleted()
    await passTime(pair.collecting, DAY_MS)
    const goOn = await held(BYTES_READ, undelete, 'after')

    await collect(pair.collecting)
    const areGone = !existsSync(pair.folder.join('data', layout.blob(digest)))

    expect([areGone, await goOn()]).toEqual([true, { tags: [parseTag('v1')], moved: [] }])
    await expectWhole()
  })

  test('keeps from its plan on what it needs', async () => {
    await deleted()
    await passTime(pair.collecting, DAY_MS)
    const goOn = await held(REVISION_COMES, undelete)

    await collect(pair.collecting)
    await passTime(pair.collecting, HOUR_MS)
    await collect(pair.collecting)
    await goOn()
    await collectAll(pair.collecting)

    await expectWhole()
  })

  test('waits for a push of its tag, and leaves the tag to it', async () => {
    await deleted()
    for (const blob of blobsOf(other)) await pair.serving.client.pushBlob('app', blob)
    const goOn = await held(TAG_COMES, () => pair.serving.client.putManifest('app', 'v1', other.manifest))

    const undone = undelete().catch((error: unknown) => error)
    await expectStatus(await goOn(), 201)

    expect(await undone).toBeInstanceOf(TagsMoved)
    const found = await pair.serving.client.getManifest('app', 'v1')
    expect(found.headers.get('docker-content-digest')).toBe(other.manifest.digest)
  })
})
