import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { collect, collectAll, DAY_MS, HOUR_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { Gate, holdFirst } from '../support/gate.ts'
import type { DiskHook } from '../support/held-disk.ts'
import { blobsOf, type Content, type Image, type ImageIndex, makeImage, makeImageIndex } from '../support/images.ts'
import { expectStatus } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** Deletes of indexes, and the removal of what they released, that meet each other or die in the middle. */

const image = makeImage('child', { layers: 1 })
const index = makeImageIndex([image])
const other = makeImageIndex([image, makeImage('child of one index', { layers: 1 })])
const REVISION_GOES = /^rename docker.*_manifests\/revisions\/sha256\/[0-9a-f]{64} /

describe.each([1, 2])('through %d processes', (processes) => {
  let folder: TemporaryFolder
  let hook: DiskHook
  let collecting: BerthInProcess
  let serving: BerthInProcess

  beforeEach(async () => {
    folder = new TemporaryFolder({ inMemory: true })
    hook = () => undefined
    collecting = await start((call, phase) => hook(call, phase))
    serving = processes === 1 ? collecting : await start((call, phase) => hook(call, phase))
    await collecting.scan()
    await passTime(collecting, HOUR_MS)
  })
  afterEach(async () => {
    await serving.stop()
    await collecting.stop()
    folder[Symbol.dispose]()
  })

  async function start(held: DiskHook): Promise<BerthInProcess> {
    return await BerthInProcess.start(folder.join('data'), { hook: held, collector: TEST_POLICY })
  }

  async function push({ images, manifest }: ImageIndex): Promise<void> {
    for (const each of images) await pushImage(each)
    await expectStatus(await serving.client.putManifest('app', manifest.digest, manifest), 201)
  }

  async function pushImage(each: Image): Promise<void> {
    for (const blob of blobsOf(each)) await serving.client.pushBlob('app', blob)
    await expectStatus(await serving.client.putManifest('app', each.manifest.digest, each.manifest), 201)
  }

  async function deleted({ digest }: Content): Promise<void> {
    await expectStatus(await serving.client.request('DELETE', `/v2/app/manifests/${digest}`), 202)
  }

  /** One process is left, which settles what the other one did not end. */
  async function killed(dying: BerthInProcess): Promise<void> {
    await dying.kill()
    const living = processes === 1 ? await start(() => undefined) : [collecting, serving].find((each) => each !== dying)
    if (living === undefined) throw new Error('no process is left')
    collecting = living
    serving = living
    await living.sweep()
    await living.scan()
  }

  async function expectGone(gone: Image): Promise<void> {
    await collectAll(collecting)
    expect((await serving.client.getManifest('app', gone.manifest.digest)).status).toBe(404)
    for (const { digest } of blobsOf(gone)) expect((await serving.client.getBlob('app', digest)).status).toBe(404)
  }

  test('a delete whose process dies when the revision has gone has released what only that led to', async () => {
    await push(index)
    const gate = new Gate()
    hook = holdFirst(gate, 'after', REVISION_GOES)
    void serving.client.request('DELETE', `/v2/app/manifests/${index.manifest.digest}`)
    await gate.reached()

    await killed(serving)

    await expectGone(image)
  })

  test('two indexes that are deleted at the same time release the child of both', async () => {
    await push(index)
    await push(other)
    const gate = new Gate()
    hook = holdFirst(gate, 'before', REVISION_GOES)
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
    await passTime(collecting, DAY_MS)
    await collect(collecting)
    await passTime(collecting, HOUR_MS)
    const gate = new Gate()
    hook = holdFirst(gate, 'before', REVISION_GOES)
    void collect(collecting)
    await gate.reached()

    await killed(collecting)

    expect((await serving.client.getManifest('app', image.manifest.digest)).status).toBe(200)
    await expectGone(image)
  })
})
