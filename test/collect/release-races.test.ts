import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { collect, collectAll, DAY_MS, HOUR_MS, passTime } from '../support/collecting.ts'
import { processCounts } from '../support/effort.ts'
import { Gate, holdFirst } from '../support/gate.ts'
import { HeldPair } from '../support/held-pair.ts'
import { blobsOf, type Content, type Image, type ImageIndex, makeImage, makeImageIndex } from '../support/images.ts'
import { expectStatus } from '../support/registry-client.ts'

/** Deletes of indexes, and the removal of what they released, that meet each other or die in the middle. */

const image = makeImage('child', { layers: 1 })
const index = makeImageIndex([image])
const other = makeImageIndex([image, makeImage('child of one index', { layers: 1 })])
const REVISION_GOES = /^rename docker.*_manifests\/revisions\/sha256\/[0-9a-f]{64} /

describe.each(processCounts('races of a release'))('through %d processes', (processes) => {
  let pair: HeldPair

  beforeEach(async () => {
    pair = await HeldPair.start(processes)
  })
  afterEach(async () => {
    await pair[Symbol.asyncDispose]()
  })

  async function push({ images, manifest }: ImageIndex): Promise<void> {
    for (const each of images) await pushImage(each)
    await expectStatus(await pair.serving.client.putManifest('app', manifest.digest, manifest), 201)
  }

  async function pushImage(each: Image): Promise<void> {
    for (const blob of blobsOf(each)) await pair.serving.client.pushBlob('app', blob)
    await expectStatus(await pair.serving.client.putManifest('app', each.manifest.digest, each.manifest), 201)
  }

  async function deleted({ digest }: Content): Promise<void> {
    await expectStatus(await pair.serving.client.request('DELETE', `/v2/app/manifests/${digest}`), 202)
  }

  async function expectGone(gone: Image): Promise<void> {
    await collectAll(pair.collecting)
    expect((await pair.serving.client.getManifest('app', gone.manifest.digest)).status).toBe(404)
    for (const { digest } of blobsOf(gone)) expect((await pair.serving.client.getBlob('app', digest)).status).toBe(404)
  }

  test('a delete whose process dies when the revision has gone has released what only that led to', async () => {
    await push(index)
    const gate = new Gate()
    pair.hook = holdFirst(gate, 'after', REVISION_GOES)
    void pair.serving.client.request('DELETE', `/v2/app/manifests/${index.manifest.digest}`)
    await gate.reached()

    await pair.kill(pair.serving)
    await pair.collecting.scan()

    await expectGone(image)
  })

  test('two indexes that are deleted at the same time release the child of both', async () => {
    await push(index)
    await push(other)
    const gate = new Gate()
    pair.hook = holdFirst(gate, 'before', REVISION_GOES)
    const first = deleted(index.manifest)
    await gate.reached()
    await deleted(other.manifest)
    gate.open()
    await first

    await expectGone(image)
  })

  test('a released manifest goes although the process dies that was about to remove it', async () => {
    await push(index)
    await deleted(index.manifest)
    await passTime(pair.collecting, DAY_MS)
    await collect(pair.collecting)
    await passTime(pair.collecting, HOUR_MS)
    const gate = new Gate()
    pair.hook = holdFirst(gate, 'before', REVISION_GOES)
    void collect(pair.collecting)
    await gate.reached()

    await pair.kill(pair.collecting)
    await pair.collecting.scan()

    expect((await pair.serving.client.getManifest('app', image.manifest.digest)).status).toBe(200)
    await expectGone(image)
  })
})
