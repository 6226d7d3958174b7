import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { purgeTombstones } from '../../src/metadata/scans.ts'
import { expectError } from '../support/answers.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { Gate, holdFirst } from '../support/gate.ts'
import type { DiskHook } from '../support/held-disk.ts'
import { blobsOf, makeImage, makeImageIndex } from '../support/images.ts'
import { expectStatus, type RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** What a push names and a delete takes, held at each other's steps: through one process and through two. */

const image = makeImage('named', { layers: 1 })
const index = makeImageIndex([image])
const layer = image.layers[0]?.digest ?? ''
const LINK_GOES = /^rename docker.*_layers\/sha256\/[0-9a-f]{64} /
const REVISION_GOES = /^rename docker.*_manifests\/revisions\/sha256\/[0-9a-f]{64} /

describe.each([1, 2])('through %d processes', (processes) => {
  let folder: TemporaryFolder
  let hook: DiskHook
  let deleting: BerthInProcess
  let pushing: BerthInProcess

  beforeEach(async () => {
    folder = new TemporaryFolder({ inMemory: true })
    hook = () => undefined
    deleting = await BerthInProcess.start(folder.join('data'), { hook: (call, phase) => hook(call, phase) })
    pushing = processes === 1 ? deleting : await BerthInProcess.start(folder.join('data'))
  })
  afterEach(async () => {
    await pushing.stop()
    await deleting.stop()
    folder[Symbol.dispose]()
  })

  async function pushBlobs(repository = 'app'): Promise<void> {
    for (const blob of blobsOf(image)) await pushing.client.pushBlob(repository, blob)
  }

  async function pushImage(): Promise<void> {
    await pushBlobs()
    await expectStatus(await pushing.client.putManifest('app', image.manifest.digest, image.manifest), 201)
  }

  /** Begins a delete and holds it before its first change of the storage; then sends a request that must wait for it, and lets both go on. */
  async function beside<Answer>(
    holds: RegExp,
    remove: (client: RegistryClient) => Promise<Response>,
    send: () => Promise<Answer>,
  ) {
    const gate = new Gate()
    hook = holdFirst(gate, 'before', holds)
    const removed = remove(deleting.client)
    await gate.reached()
    let isAnswered = false
    const sent = send().finally(() => {
      isAnswered = true
    })
    await waitingFor(pushing)
    const answeredBefore = isAnswered
    gate.open()
    await expectStatus(await removed, 202)
    expect(answeredBefore).toBe(false)
    return await sent
  }

  test('an image index pushed while its child is being deleted waits, and is then refused', async () => {
    await pushImage()

    const put = await beside(
      REVISION_GOES,
      (client) => client.deleteManifest('app', image.manifest.digest),
      () => pushing.client.putManifest('app', 'multi', index.manifest),
    )

    await expectError(put, 400, 'MANIFEST_BLOB_UNKNOWN')
    await expectError(await pushing.client.getManifest('app', 'multi'), 404, 'MANIFEST_UNKNOWN')
  })

  test('a manifest pushed while its layer is being deleted waits, and is then refused', async () => {
    await pushBlobs()

    const put = await beside(
      LINK_GOES,
      (client) => client.deleteBlob('app', layer),
      () => pushing.client.putManifest('app', 'latest', image.manifest),
    )

    await expectError(put, 400, 'MANIFEST_BLOB_UNKNOWN')
    await expectError(await pushing.client.getManifest('app', 'latest'), 404, 'MANIFEST_UNKNOWN')
  })

  test('a mount whose source is being deleted waits, and then asks for an upload', async () => {
    await pushBlobs('source')

    const status = await beside(
      LINK_GOES,
      (client) => client.deleteBlob('source', layer),
      () => pushing.client.mountBlob('app', layer, 'source'),
    )

    expect(status).toBe(202)
    await expectError(await pushing.client.getBlob('app', layer), 404, 'BLOB_UNKNOWN')
  })

  test('a delete that fails leaves its name to the push that waits', async () => {
    await pushBlobs()
    const gate = new Gate()
    const holds = holdFirst(gate, 'before', LINK_GOES)
    hook = async (call, phase) => {
      const held = holds(call, phase)
      await held
      if (held !== undefined) throw new Error('the disk fails')
    }
    const removed = deleting.client.deleteBlob('app', layer)
    await gate.reached()
    const put = pushing.client.putManifest('app', 'latest', image.manifest)
    await waitingFor(pushing)
    gate.open()

    expect((await removed).status).toBe(500)
    await expectStatus(await put, 201)
    await expectStatus(await pushing.client.getBlob('app', layer), 200)
  })

  test('a push that looked before a delete, and plans when its tombstone has been purged, is refused', async () => {
    await pushBlobs()
    await pushing.scan()
    const gate = new Gate()
    holdPlanOf('manifest push', gate)
    const put = pushing.client.putManifest('app', 'latest', image.manifest)
    await gate.reached()

    await expectStatus(await deleting.client.deleteBlob('app', layer), 202)
    await deleting.opened.metadata.write((query) => purgeTombstones(query, deleting.opened.epoch, 1e9))
    gate.open()

    await expectError(await put, 400, 'MANIFEST_BLOB_UNKNOWN')
  })

  test('a push in a repository that nothing has scanned looks once more when a row has gone', async () => {
    await pushBlobs()
    const gate = new Gate()
    holdPlanOf('manifest push', gate)
    const put = pushing.client.putManifest('app', 'latest', image.manifest)
    await gate.reached()

    await pushing.opened.metadata.write(async (query) => {
      await query.run('UPDATE repository SET scanned_epoch = 0')
      await query.run('DELETE FROM link')
    })
    gate.open()

    await expectStatus(await put, 201)
  })

  function holdPlanOf(name: string, gate: Gate): void {
    const { operations } = pushing.registry
    const perform = operations.perform.bind(operations)
    let isHeld = false
    operations.perform = async (operation) => {
      if (operation.name === name && !isHeld) {
        isHeld = true
        await gate.pass()
      }
      return await perform(operation)
    }
  }
})

/** Time for a request that does not wait to be answered: some turns of transactions, as a waiting one takes them as well. */
async function waitingFor(berth: BerthInProcess): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await berth.opened.metadata.write(async () => undefined)
}
