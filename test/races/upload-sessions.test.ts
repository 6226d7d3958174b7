import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { rm } from 'node:fs/promises'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { Gate, holdFirst } from '../support/gate.ts'
import type { DiskCall, DiskHook } from '../support/held-disk.ts'
import { contentOf, fixedBytes } from '../support/images.ts'
import type { RegistryClient } from '../support/registry-client.ts'
import { StreamedBody } from '../support/streamed-body.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const blob = contentOf('application/octet-stream', fixedBytes(900_000))
const first = blob.bytes.subarray(0, 300_000)
const second = blob.bytes.subarray(300_000)
const garbage = new Uint8Array(700_000).fill(7)

const PLACING = /^rename berth\/uploads/

let folder: TemporaryFolder
let one: BerthInProcess
let other: BerthInProcess
/** What the disk of the first process does; set by a test. */
let hook: DiskHook

beforeEach(async () => {
  folder = new TemporaryFolder()
  hook = () => undefined
  one = await BerthInProcess.start(folder.join('data'), { hook: (call, phase) => hook(call, phase) })
  other = await BerthInProcess.start(folder.join('data'))
})
afterEach(async () => {
  await one.stop()
  await other.stop()
  folder[Symbol.dispose]()
})

async function openSession(): Promise<string> {
  return await one.client.appendUpload(await one.client.startUpload('app'), first)
}

async function patch(client: RegistryClient, location: string, body: ReadableStream<Uint8Array>): Promise<number> {
  const response = await client.request('PATCH', location, { body })
  await response.bytes()
  return response.status
}

async function put(
  client: RegistryClient,
  location: string,
  body: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>,
): Promise<number> {
  const response = await client.request('PUT', `${location}?digest=${blob.digest}`, { body })
  await response.bytes()
  return response.status
}

async function expectBlobEverywhere(): Promise<void> {
  for (const { client } of [one, other]) {
    const response = await client.getBlob('app', blob.digest)
    expect(response.status).toBe(200)
    expect(contentOf('', await response.bytes()).digest).toBe(blob.digest)
  }
}

/** Resolves when the session's file has been written to by a request that goes on. */
function startsWriting(): Gate {
  const gate = new Gate()
  gate.open()
  hook = holdFirst(gate, 'after', /^(write|modify|create) berth\/uploads/)
  return gate
}

describe('two processes at one upload session', () => {
  test('each PATCH may come to another process, and the PUT to any', async () => {
    const location = await one.client.startUpload('app')
    await other.client.appendUpload(location, first)
    await one.client.appendUpload(location, second)

    expect(await put(other.client, location, new Uint8Array())).toBe(201)

    await expectBlobEverywhere()
  })

  test('of two PATCHes at once one is acknowledged, and the other learns where the upload ends', async () => {
    const location = await openSession()
    const slow = new StreamedBody()
    const writing = startsWriting()
    const slowPatch = patch(one.client, location, slow.stream)
    slow.send(garbage)
    await writing.reached()

    const quickPatch = await patch(other.client, location, new Blob([second.slice()]).stream())
    slow.send(garbage)
    slow.end()

    expect(quickPatch).toBe(202)
    expect(await slowPatch).toBe(416)
    expect(await put(one.client, location, new Uint8Array())).toBe(201)
    await expectBlobEverywhere()
  })

  test('a process that dies while it writes leaves a session that goes on at the acknowledged end', async () => {
    const location = await openSession()
    const gate = new Gate()
    hook = holdFirst(gate, 'after', /^write berth\/uploads/)
    const body = new StreamedBody()
    patch(one.client, location, body.stream).catch(() => undefined)
    body.send(garbage)
    body.send(garbage)
    await gate.reached()
    await one.kill()

    expect(await patch(other.client, location, new Blob([second.slice()]).stream())).toBe(202)
    expect(await put(other.client, location, new Uint8Array())).toBe(201)

    one = await BerthInProcess.start(folder.join('data'))
    await expectBlobEverywhere()
  })

  test('bytes that a stalled request still sends go nowhere, also when the first to take over has failed', async () => {
    const location = await openSession()
    const stalled = new StreamedBody()
    const writing = startsWriting()
    const stalledPatch = patch(one.client, location, stalled.stream)
    stalled.send(garbage)
    await writing.reached()
    const failing = await BerthInProcess.start(folder.join('data'), { hook: failAt(/^create/) })
    await patch(failing.client, location, new Blob([second.slice()]).stream())
    await failing.kill()

    const goesOn = new StreamedBody()
    const goesOnPatch = patch(other.client, location, goesOn.stream)
    goesOn.send(second.subarray(0, 300_000))
    stalled.send(garbage)
    goesOn.send(second.subarray(300_000))
    goesOn.end()

    expect(await goesOnPatch).toBe(202)
    expect(await put(other.client, location, new Uint8Array())).toBe(201)
    stalled.send(garbage)
    stalled.end()
    expect(await stalledPatch).toBe(404)
    await expectBlobEverywhere()
  })
})

describe.each(['the same process', 'the other process'] as const)('a PUT that is sent again, to %s,', (which) => {
  const again = () => (which === 'the same process' ? one.client : other.client)

  test.each([
    ['before', 'and breaks off'],
    ['before', 'and is whole'],
    ['after', 'and breaks off'],
    ['after', 'and is whole'],
  ] as const)('%s the first one moves the bytes %s does not harm what the first one acknowledges', async (phase, how) => {
    const location = await openSession()
    const gate = new Gate()
    hook = holdFirst(gate, phase, PLACING)
    const firstPut = put(one.client, location, second.slice())
    await gate.reached()

    const body = new StreamedBody()
    const secondPut = put(again(), location, body.stream)
    body.send(second.subarray(0, 300_000))
    if (how === 'and is whole') body.send(second.subarray(300_000))
    if (how === 'and is whole') body.end()
    else body.breakOff()
    const secondStatus = await secondPut
    gate.open()

    expect(await firstPut).toBe(201)
    expect(how === 'and is whole' ? [201, 404, 416] : [404, 416, 499, 500]).toContain(secondStatus)
    await expectBlobEverywhere()
  })

  test('with nothing in it, as Docker does, is acknowledged or finds no session', async () => {
    const location = await one.client.appendUpload(await openSession(), second)
    const gate = new Gate()
    hook = holdFirst(gate, 'before', PLACING)
    const firstPut = put(one.client, location, new Uint8Array())
    await gate.reached()

    const secondPut = put(again(), location, new Uint8Array())
    await Bun.sleep(0)
    gate.open()

    expect(await firstPut).toBe(201)
    expect([201, 404]).toContain(await secondPut)
    await expectBlobEverywhere()
  })
})

describe('a session that is cancelled while its PUT is at work', () => {
  test.each([
    ['before', /^sync berth\/uploads/],
    ['after', /^sync berth\/uploads/],
    ['before', PLACING],
    ['after', PLACING],
  ] as const)('%s %p either is gone or has become a blob', async (phase, call) => {
    const location = await openSession()
    const gate = new Gate()
    hook = holdFirst(gate, phase, call)
    const closing = put(one.client, location, second.slice())
    await gate.reached()

    const cancelled = await other.client.request('DELETE', location)
    gate.open()

    expect([204, 404]).toContain(cancelled.status)
    const status = await closing
    expect([201, 404]).toContain(status)
    if (status === 201) await expectBlobEverywhere()
    else expect((await other.client.getBlob('app', blob.digest)).status).toBe(404)
  })

  test('never loses a blob that was acknowledged, whichever of the two is quicker', async () => {
    for (let round = 0; round < 50; round += 1) {
      const location = await openSession()
      const [closed, cancelled] = await Promise.all([
        put(one.client, location, second.slice()),
        other.client.request('DELETE', location),
      ])
      expect([201, 404]).toContain(closed)
      expect([204, 404]).toContain(cancelled.status)
      if (closed !== 201) continue
      await expectBlobEverywhere()
      await rm(folder.join('data/docker/registry/v2/blobs'), { recursive: true })
    }
  })
})

test('after both processes have died a session goes on where it was acknowledged', async () => {
  const location = await openSession()
  await one.kill()
  await other.kill()

  one = await BerthInProcess.start(folder.join('data'))
  other = await BerthInProcess.start(folder.join('data'))

  const status = await other.client.request('GET', location)
  expect(status.headers.get('range')).toBe(`0-${first.length - 1}`)
  expect(await put(other.client, location, second.slice())).toBe(201)
  await expectBlobEverywhere()
})

function failAt(calls: RegExp): DiskHook {
  return (call: DiskCall, phase) => {
    if (phase === 'before' && calls.test(call)) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
    return undefined
  }
}
