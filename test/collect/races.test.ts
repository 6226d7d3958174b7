import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { renewGrace } from '../../src/metadata/changes.ts'
import { deleteClaims, insertClaims } from '../../src/metadata/claims.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { expectError } from '../support/answers.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { collect, DAY_MS, HOUR_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { processCounts } from '../support/effort.ts'
import { Gate, holdFirst } from '../support/gate.ts'
import type { DiskHook } from '../support/held-disk.ts'
import { HeldPair } from '../support/held-pair.ts'
import { blobsOf, type Content, contentOf, descriptorOf, jsonContent, makeImage, makeImageIndex } from '../support/images.ts'
import { expectStatus } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** Requests and the collector, held at each other's steps: through one process and through two. */

const image = makeImage('raced', { layers: 1 })
const [layer] = image.layers
const FOREIGN = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip'
const LINK_GOES = /^rename docker.*_layers\/sha256\/[0-9a-f]{64} /
const BYTES_GO = /^rename docker\/registry\/v2\/blobs\/sha256\/[0-9a-f]{2}\/[0-9a-f]{64} /
const REVISION_GOES = /^rename docker.*_manifests\/revisions\/sha256\/[0-9a-f]{64} /
const REVISION_COMES = /^rename berth\/staging.*_manifests\/revisions/

describe.each(processCounts('races of the collector'))('through %d processes', (processes) => {
  let pair: HeldPair

  beforeEach(async () => {
    pair = await HeldPair.start(processes)
  })
  afterEach(async () => {
    await pair[Symbol.asyncDispose]()
  })

  async function pushBlobs(): Promise<void> {
    for (const blob of blobsOf(image)) await pair.serving.client.pushBlob('app', blob)
  }

  /** Pushes them, and lets the collector condemn them; they may be removed at its next turn. */
  async function condemnBlobs(): Promise<void> {
    await pushBlobs()
    await passTime(pair.collecting, DAY_MS)
    await collect(pair.collecting)
    await passTime(pair.collecting, HOUR_MS)
  }

  /** Another blob is condemned with those that are. */
  async function condemnAnother(): Promise<void> {
    await pair.serving.client.pushBlob('app', contentOf('', new TextEncoder().encode('another')))
    await pair.collecting.opened.metadata.write((query) =>
      query.run('UPDATE link SET condemned_ms = 1 WHERE condemned_ms IS NULL AND target NOT IN (SELECT target FROM reference)'),
    )
  }

  /** Begins a turn of the collector and holds it before its first change of that kind. */
  async function heldAt(holds: RegExp) {
    const gate = new Gate()
    pair.hook = holdFirst(gate, 'before', holds)
    const collected = collect(pair.collecting)
    await gate.reached()
    return async () => {
      gate.open()
      await collected
    }
  }

  async function waitingFor<Answer>(send: () => Promise<Answer>, goOn: () => Promise<void>): Promise<Answer> {
    let isAnswered = false
    const sent = send().finally(() => {
      isAnswered = true
    })
    // It cannot be answered before the collector has let go; a few requests of another kind are, meanwhile.
    for (let other = 0; other < 3; other += 1) await expectStatus(await pair.serving.client.request('GET', '/v2/'), 200)
    expect(isAnswered).toBe(false)
    await goOn()
    return await sent
  }

  function hasBytes({ digest }: Pick<Content, 'digest'>): boolean {
    const hex = digest.slice(7)
    return existsSync(pair.folder.join('data/docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex))
  }

  async function expectWhole(): Promise<void> {
    expect((await pair.serving.client.getManifest('app', image.manifest.digest)).status).toBe(200)
    for (const { digest } of blobsOf(image)) expect((await pair.serving.client.getBlob('app', digest)).status).toBe(200)
  }

  const digest = layer?.digest as Digest

  test('a link that is being removed is 404 to a HEAD, so that its client uploads', async () => {
    await condemnBlobs()
    const goOn = await heldAt(LINK_GOES)

    expect((await pair.serving.client.headBlob('app', digest)).status).toBe(404)

    await goOn()
    expect((await pair.serving.client.headBlob('app', digest)).status).toBe(404)
  })

  test.each([
    ['its link', LINK_GOES],
    ['its bytes', BYTES_GO],
  ])('a blob that is pushed while %s are being removed is there after its 201', async (_, holds) => {
    await condemnBlobs()
    const goOn = await heldAt(holds)

    await waitingFor(pushBlobs, goOn)

    for (const blob of blobsOf(image)) expect((await pair.serving.client.getBlob('app', blob.digest)).status).toBe(200)
    expect(hasBytes({ digest })).toBe(true)
  })

  test.each([
    ['its last link is', LINK_GOES],
    ['its bytes are', BYTES_GO],
  ])('a blob that is pushed to another repository while %s being removed is there after its 201', async (_, holds) => {
    await condemnBlobs()
    const goOn = await heldAt(holds)
    const { read } = pair.collecting.opened.metadata
    const claims = await read.all('SELECT kind, alone FROM claim WHERE name = ? ORDER BY kind', digest)
    expect(claims).toEqual([
      { kind: 'blob', alone: 1 },
      { kind: 'link', alone: 1 },
    ])

    const push = async () => {
      for (const blob of blobsOf(image)) await pair.serving.client.pushBlob('other', blob)
    }
    await waitingFor(push, goOn)

    for (const blob of blobsOf(image)) {
      expect((await pair.serving.client.getBlob('other', blob.digest)).status).toBe(200)
      expect(hasBytes(blob)).toBe(true)
    }
  })

  test('links go before their bytes, so that none is left without them', async () => {
    await condemnBlobs()
    const gone: string[] = []
    pair.hook = (call, phase) => {
      if (phase === 'after' && LINK_GOES.test(call)) gone.push('link')
      if (phase === 'before' && BYTES_GO.test(call)) gone.push('bytes')
      return undefined
    }

    await collect(pair.collecting)

    expect(gone).toEqual(['link', 'link', 'bytes', 'bytes'])
  })

  test('bytes that stay when their last link goes are due at once', async () => {
    await condemnBlobs()
    const { metadata, processId, epoch } = pair.collecting.opened
    const owner = { operation: 'a push', process: processId }
    await metadata.write(async (query) => {
      await renewGrace(query, digest, { number: 1, epoch })
      await insertClaims(query, [{ name: { kind: 'blob', digest }, alone: false }], owner, 1)
    })

    await collect(pair.collecting)
    expect(hasBytes({ digest })).toBe(true)
    expect((await pair.serving.client.headBlob('app', digest)).status).toBe(404)
    await metadata.write((query) => deleteClaims(query, owner.operation))
    await collect(pair.collecting)

    expect(hasBytes({ digest })).toBe(false)
  })

  test('a manifest that is pushed while a link that it names is being removed is refused', async () => {
    await condemnBlobs()
    const goOn = await heldAt(LINK_GOES)

    const answer = await waitingFor(() => pair.serving.client.putManifest('app', 'latest', image.manifest), goOn)

    await expectError(answer, 400, 'MANIFEST_BLOB_UNKNOWN')
  })

  test('a link that a manifest names from its plan on is not removed', async () => {
    await condemnBlobs()
    const gate = new Gate()
    pair.hook = holdFirst(gate, 'before', REVISION_COMES)
    const pushed = pair.serving.client.putManifest('app', 'latest', image.manifest)
    await gate.reached()

    await collect(pair.collecting)
    gate.open()

    expect((await pushed).status).toBe(201)
    await expectWhole()
  })

  test.each([
    ['', false],
    [', also when the removal of another one fails', true],
  ])('a condemned link that a manifest names as a layer which need not be there is condemned no more%s', async (_, fails) => {
    await condemnBlobs()
    const body = JSON.parse(new TextDecoder().decode(image.manifest.bytes))
    const foreign = { ...descriptorOf(layer ?? image.config), mediaType: FOREIGN, urls: ['https://elsewhere.test/layer'] }
    const manifest = jsonContent(image.manifest.mediaType, { ...body, layers: [foreign] })
    await expectStatus(await pair.serving.client.putManifest('app', 'latest', manifest), 201)

    if (fails) {
      await condemnAnother()
      pair.hook = (call, phase) => (phase === 'before' && LINK_GOES.test(call) ? Promise.reject(new Error('EIO')) : undefined)
      await expect(collect(pair.collecting)).rejects.toThrow('EIO')
    } else await collect(pair.collecting)

    const { read } = pair.collecting.opened.metadata
    const row = await read.get('SELECT target, condemned_ms AS condemnedMs FROM link WHERE digest = ?', digest)
    expect(row).toEqual({ target: digest, condemnedMs: null })
    expect((await pair.serving.client.getBlob('app', digest)).status).toBe(200)
  })

  test('an index that is pushed while its child is being removed is refused, and whole where it is accepted', async () => {
    await pushBlobs()
    await expectStatus(await pair.serving.client.putManifest('app', image.manifest.digest, image.manifest), 201)
    const index = makeImageIndex([image])
    await expectStatus(await pair.serving.client.putManifest('app', 'index', index.manifest), 201)
    await expectStatus(await pair.serving.client.request('DELETE', `/v2/app/manifests/${index.manifest.digest}`), 202)
    await passTime(pair.collecting, DAY_MS)
    await collect(pair.collecting)
    await passTime(pair.collecting, HOUR_MS)
    const goOn = await heldAt(REVISION_GOES)

    const answer = await waitingFor(() => pair.serving.client.putManifest('app', 'index', index.manifest), goOn)

    await expectError(answer, 400, 'MANIFEST_BLOB_UNKNOWN')
    expect((await pair.serving.client.getManifest('app', image.manifest.digest)).status).toBe(404)
  })

  test.each([
    ['its link', LINK_GOES],
    ['its bytes', BYTES_GO],
  ])('a kill while %s are being removed leaves it whole or gone, and never half', async (_, holds) => {
    await condemnBlobs()
    await heldAt(holds)
    await pair.kill(pair.collecting)

    const states: boolean[] = []
    for (const blob of blobsOf(image)) {
      const { status } = await pair.serving.client.getBlob('app', blob.digest)
      states.push(status === 200)
      if (status === 200) expect(hasBytes(blob)).toBe(true)
    }
    await expectStatus(await pair.serving.client.request('GET', '/v2/'), 200)
    await pushBlobs()
    await expectStatus(await pair.serving.client.putManifest('app', 'latest', image.manifest), 201)
    await expectWhole()
    expect(states).toHaveLength(2)
  })
})

test('a process that is stopped in the middle of a removal keeps others from those names alone: their pushes are put off, and taken when it goes on', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  const gate = new Gate()
  let hook: DiskHook = () => undefined
  const stopped = await BerthInProcess.start(folder.join('data'), { hook: (...call) => hook(...call), collector: TEST_POLICY })
  await using _ = stopped
  await using serving = await BerthInProcess.start(folder.join('data'), { collector: TEST_POLICY })
  const blobs = Array.from({ length: 70 }, (_, number) => contentOf('', new TextEncoder().encode(`blob ${number}`)))
  for (const blob of blobs) await serving.client.pushBlob('app', blob)
  await stopped.scan()
  await passTime(stopped, DAY_MS)
  await collect(stopped)
  await passTime(stopped, HOUR_MS)
  hook = (call, phase) => (phase === 'before' && LINK_GOES.test(call) ? gate.pass() : undefined)
  const collected = collect(stopped)
  await gate.reached()

  const answers = await Promise.all(
    blobs.map(async ({ digest, bytes }) => {
      const location = await serving.client.startUpload('app')
      return await serving.client.closeUpload(location, digest, bytes)
    }),
  )
  const putOff = answers.filter(({ status }) => status === 503)
  const other = makeImage('other', { layers: 1 })
  for (const blob of blobsOf(other)) await serving.client.pushBlob('app', blob)
  await expectStatus(await serving.client.putManifest('app', 'latest', other.manifest), 201)
  gate.open()
  await collected
  for (const blob of blobs) await serving.client.pushBlob('app', blob)

  // How many names a removal takes at once depends on how quick its transactions are: 64 at most.
  expect(putOff.length).toBeWithin(1, 65)
  for (const answer of putOff) expect(answer.headers.has('retry-after')).toBe(true)
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(blobs.length - putOff.length)
  for (const blob of blobs) expect(await (await serving.client.getBlob('app', blob.digest)).bytes()).toEqual(blob.bytes)
})
