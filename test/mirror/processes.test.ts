import { expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { type BerthProcess, startBerth } from '../support/berth-process.ts'
import { FakeUpstream, sendBlob } from '../support/fake-upstream.ts'
import { Gate } from '../support/gate.ts'
import { fixedBytes, sha256 } from '../support/images.ts'
import { poll } from '../support/processes.ts'
import { Reader } from '../support/reader.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { listenersOn } from '../support/socket-owner.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const BYTES = fixedBytes(2_000_000)
const DIGEST = sha256(BYTES)
const GET = `GET /v2/app/blobs/${DIGEST}`

async function startMirror(folder: TemporaryFolder, upstream: FakeUpstream, more = ''): Promise<BerthProcess> {
  const moreConfig = `proxy:\n  remoteurl: ${upstream.url}\n${more}`
  const mirror = await startBerth({ folder, moreConfig, processes: 2, expectsFaults: true })
  await poll('both processes listen', 60_000, async () => listenersOn(mirror.port) === 2 || undefined)
  return mirror
}

/** The connections are spread by the kernel: with so many, each process has some. */
function readers(url: string, count: number): readonly Promise<Reader>[] {
  const client = new RegistryClient(url)
  return Array.from({ length: count }, () => Reader.of(client.getBlob('app', DIGEST)))
}

test('64 clients of two processes read a blob while it comes, by one request to the upstream', async () => {
  using folder = new TemporaryFolder()
  await using upstream = await FakeUpstream.start()
  const gate = new Gate()
  upstream.answer = async (_, response) => {
    response.writeHead(200, { 'content-length': BYTES.length }).write(BYTES.subarray(0, 1_000_000))
    await gate.pass()
    response.end(BYTES.subarray(1_000_000))
  }
  await using mirror = await startMirror(folder, upstream)

  // Most of them come while it is under way already, in whatever process that is.
  const clients = await Promise.all(readers(mirror.url, 2))
  await Promise.all(clients.map((client) => client.until(900_000)))
  clients.push(...(await Promise.all(readers(mirror.url, 62))))
  await Promise.all(clients.map((client) => client.until(900_000)))
  gate.open()

  for (const client of clients) expect(sha256(await client.whole())).toBe(DIGEST)
  expect(upstream.asked).toEqual([GET])
})

test('64 clients that ask two processes at the same moment make them send one request', async () => {
  using folder = new TemporaryFolder()
  await using upstream = await FakeUpstream.start((request, response) => sendBlob(request, response, BYTES))
  await using mirror = await startMirror(folder, upstream)

  const clients = await Promise.all(readers(mirror.url, 64))

  for (const client of clients) expect(sha256(await client.whole())).toBe(DIGEST)
  expect(upstream.asked).toEqual([GET])
})

test('a blob that is larger than the mirror comes once to each of two processes, for all of its clients, and stays in none', async () => {
  using folder = new TemporaryFolder()
  await using upstream = await FakeUpstream.start()
  const gate = new Gate()
  upstream.answer = async (_, response) => {
    response.writeHead(200, { 'content-length': BYTES.length }).write(BYTES.subarray(0, 1_000_000))
    await gate.pass()
    response.end(BYTES.subarray(1_000_000))
  }
  await using mirror = await startMirror(folder, upstream, '  size: 1MB\n')

  const clients = await Promise.all(readers(mirror.url, 32))
  await Promise.all(clients.map((client) => client.until(900_000)))
  gate.open()

  for (const client of clients) expect(sha256(await client.whole())).toBe(DIGEST)
  expect(upstream.asked).toEqual([GET, GET])
  expect(existsSync(folder.join(`data/docker/registry/v2/blobs/sha256/${DIGEST.slice(7, 9)}/${DIGEST.slice(7)}`))).toBe(false)
})

test('what the upstream refuses is told to the clients of each process', async () => {
  using folder = new TemporaryFolder()
  await using upstream = await FakeUpstream.start()
  const gate = new Gate()
  upstream.answer = async (_, response) => {
    await gate.pass()
    response.writeHead(403).end()
  }
  await using mirror = await startMirror(folder, upstream)
  const client = new RegistryClient(mirror.url)

  const answers = Array.from({ length: 16 }, () => client.getBlob('app', DIGEST))
  await gate.reached()
  gate.open()

  for (const answer of answers) expect((await answer).status).toBe(403)
})

test('readers in the other process are cut as well where the bytes turn out to be wrong, and nothing stays', async () => {
  using folder = new TemporaryFolder()
  await using upstream = await FakeUpstream.start()
  const gate = new Gate()
  upstream.answer = async (_, response) => {
    response.writeHead(200, { 'content-length': BYTES.length }).write(fixedBytes(1_000_001).subarray(1))
    await gate.pass()
    response.end(BYTES.subarray(1_000_000))
  }
  await using mirror = await startMirror(folder, upstream)

  const clients = await Promise.all(readers(mirror.url, 16))
  await Promise.all(clients.map((client) => client.until(500_000)))
  upstream.answer = (request, response) => sendBlob(request, response, BYTES)
  gate.open()

  for (const client of clients) await expect(client.whole()).rejects.toThrow()
  const client = new RegistryClient(mirror.url)
  await poll('it comes', 90_000, async () => {
    const answer = await client.getBlob('app', DIGEST)
    return answer.status === 200 ? sha256(await answer.bytes()) === DIGEST || undefined : undefined
  })
})
