import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { readdir, utimes } from 'node:fs/promises'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { Gate, holdFirst } from '../support/gate.ts'
import type { DiskHook } from '../support/held-disk.ts'
import { contentOf, fixedBytes, jsonContent } from '../support/images.ts'
import { StreamedBody } from '../support/streamed-body.ts'
import { storm } from '../support/takeover-storm.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** Each file of an upload has one owner at every moment: a session, or the requests that have it open. */

const CHUNK = fixedBytes(300_000)
const BLOB = contentOf('application/octet-stream', CHUNK)
const INDEX = jsonContent('application/vnd.oci.image.index.v1+json', { schemaVersion: 2, manifests: [] })

let folder: TemporaryFolder
let one: BerthInProcess
let other: BerthInProcess
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

/** What is left below these, whatever it is. */
async function left(): Promise<string[]> {
  const places = ['uploads', 'staging', 'trash']
  const names = places.map(async (place) => (await readdir(folder.join('data/berth', place))).map((name) => `${place}/${name}`))
  return (await Promise.all(names)).flat()
}

/** What a process does every few seconds, with files that were begun a while ago. */
async function lookInHalfAMinute(berth: BerthInProcess): Promise<void> {
  const then = new Date(Date.now() - 31_000)
  for (const path of await left()) {
    // What is in the trash goes by itself, perhaps at this moment.
    await utimes(folder.join('data/berth', path, 'data'), then, then).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
  }
  await berth.removeLeftovers()
}

/** A PATCH that has begun to write and goes on. */
async function stalledPatch(location: string) {
  const writing = new Gate()
  writing.open()
  hook = holdFirst(writing, 'after', /^write berth\/uploads/)
  const body = new StreamedBody()
  const response = one.client.request('PATCH', location, { body: body.stream })
  body.send(CHUNK)
  await writing.reached()
  hook = () => undefined
  const end = async () => {
    body.send(CHUNK)
    body.end()
    return (await response).status
  }
  return { end }
}

describe.each(['the same process', 'another process'] as const)('a request that takes an upload over in %s', (which) => {
  const taker = () => (which === 'the same process' ? one.client : other.client)

  test.each([
    ['ends last', 'and the session is cancelled'],
    ['ends first', 'and the session is cancelled'],
    ['ends last', 'and the session is closed'],
    ['ends first', 'and the session is closed'],
    ['breaks off', 'and the session is cancelled'],
  ] as const)('and %s, %s, leaves no file of the other', async (order, how) => {
    const location = await one.client.appendUpload(await one.client.startUpload('app'), CHUNK)
    const stalled = await stalledPatch(location)
    const body = new StreamedBody()
    const taking = taker().request('PATCH', location, { body: body.stream })
    body.send(CHUNK)
    await Bun.sleep(0)
    if (order === 'ends last') await stalled.end()
    if (order === 'breaks off') body.breakOff()
    else body.end()
    await taking.catch(() => undefined)
    if (order !== 'ends last') await stalled.end()
    const whole = new Uint8Array([...CHUNK, ...(order === 'breaks off' ? [] : CHUNK)])
    if (how === 'and the session is cancelled') await taker().request('DELETE', location)
    else await taker().request('PUT', `${location}?digest=${contentOf('', whole).digest}`)

    expect((await taker().request('GET', location)).status).toBe(404)
    // The taker cannot know that the request of the other process has ended; that process finds the file half a minute later.
    if (which === 'another process' && order === 'ends last') await lookInHalfAMinute(one)
    expect(await left()).toEqual([])
  })
})

test('a session keeps one file, however often it is taken over', async () => {
  const location = await one.client.appendUpload(await one.client.startUpload('app'), CHUNK)
  for (let turn = 0; turn < 5; turn += 1) {
    const stalled = await stalledPatch(location)
    expect((await one.client.request('PATCH', location, { body: CHUNK.slice() })).status).toBe(202)
    expect(await stalled.end()).toBe(416)

    expect((await left()).map((path) => path.split('/')[0])).toEqual(['uploads'])
  }
})

test.each([1, 2, 3])('after a storm of takeovers, aborts and cancels nothing is left (seed %p)', async (seed) => {
  const clients = [one.client, other.client]

  const statuses = await storm({ clients, sessions: 8, takeovers: 6, chunkBytes: 70_000, seed })

  expect(statuses.filter((status) => ![202, 204, 400, 404, 416].includes(status))).toEqual([])
  // A file whose session another process has taken goes with the next look of the process that wrote it.
  for (const berth of [one, other]) await lookInHalfAMinute(berth)
  expect(await left()).toEqual([])
})

describe('what a process that was killed had begun', () => {
  test.each([
    ['a PATCH', /^write berth\/uploads/],
    ['a PUT that brings all', /^rename berth\/uploads/],
    ['a POST that brings all', /^write berth\/uploads/],
    ['a manifest', /^sync berth\/staging/],
    ['a takeover', /^write berth\/uploads/],
  ] as const)('is gone once a living one has looked: %s', async (what, call) => {
    const location = await other.client.startUpload('app')
    await other.client.pushBlob('app', BLOB)
    if (what === 'a takeover') await one.client.appendUpload(location, CHUNK)
    const body = new StreamedBody()
    if (what === 'a takeover') {
      other.client.request('PATCH', location, { body: body.stream }).catch(() => undefined)
      body.send(CHUNK)
      await Bun.sleep(0)
    }
    const gate = new Gate()
    hook = holdFirst(gate, 'after', call)
    const requests = {
      'a PATCH': () => one.client.request('PATCH', location, { body: CHUNK.slice() }),
      'a PUT that brings all': () => one.client.request('PUT', `${location}?digest=${BLOB.digest}`, { body: CHUNK.slice() }),
      'a POST that brings all': () =>
        one.client.request('POST', `/v2/app/blobs/uploads/?digest=${BLOB.digest}`, { body: CHUNK.slice() }),
      'a manifest': () =>
        one.client.request('PUT', '/v2/app/manifests/latest', {
          body: INDEX.bytes.slice(),
          headers: { 'Content-Type': INDEX.mediaType },
        }),
      'a takeover': () => one.client.request('PATCH', location, { body: CHUNK.slice() }),
    }
    requests[what]().catch(() => undefined)
    await gate.reached()
    await one.kill()
    body.breakOff()

    await other.client.request('DELETE', location)
    await other.sweep()
    await other.removeLeftovers()

    expect(await left()).toEqual([])
  })
})
