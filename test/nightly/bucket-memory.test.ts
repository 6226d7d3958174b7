import { expect, test } from 'bun:test'
import { connect } from 'node:net'
import { RunningDigest } from '../../src/oci/digest.ts'
import { startBerth } from '../support/berth-process.ts'
import { expectLeastBelow } from '../support/least-measured.ts'
import { describeOnStores } from '../support/object-store.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { peakMibOf } from '../support/resident-memory.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const LIMIT_MIB = 400
/** The promise names 64 uploads of 200 MiB; a run of the whole suite, beside others on the same machine, takes smaller ones. */
const UPLOADS = Number(process.env.BERTH_TEST_UPLOADS ?? 32)
const UPLOAD_MIB = Number(process.env.BERTH_TEST_UPLOAD_MIB ?? 12)
const PULLS = 64
/** 185 to 193 are measured, 444 where nothing bounds what is on its way to a client. */
const PULLS_LIMIT_MIB = 250
const SLOW_STEP_MS = 60
const MIB = 1024 * 1024
const TIMEOUT_MS = 15 * 60_000

describeOnStores(
  `resident memory stays under ${LIMIT_MIB} MiB`,
  (store) => {
    test(
      `while ${UPLOADS} uploads of ${UPLOAD_MIB} MiB go to one process, and are pulled again one after the other`,
      async () => {
        const load = `${UPLOADS} uploads of ${UPLOAD_MIB} MiB`
        await expectPeakBelow(LIMIT_MIB, load, async (client) => {
          const digests = await Promise.all(
            Array.from({ length: UPLOADS }, (_, upload) => push(client, `many/${upload}`, upload, upload % 2 === 0)),
          )
          const pulled: string[] = []
          for (const [upload, digest] of digests.entries()) pulled.push(await pull(client, `many/${upload}`, digest))

          expect(pulled).toEqual(digests)
        })
      },
      TIMEOUT_MS,
    )

    test(
      `and under ${PULLS_LIMIT_MIB} MiB while ${PULLS} clients pull from one process and read slowly`,
      async () => {
        await expectPeakBelow(PULLS_LIMIT_MIB, `${PULLS} slow pulls`, async (client) => {
          const digest = await push(client, 'slow', 1, false)

          const pulls = Array.from({ length: PULLS }, () => pullSlowly(new URL(`/v2/slow/blobs/${digest}`, client.url)))
          await Promise.all(pulls.map(({ begun }) => begun))
          for (const { goOn } of pulls) goOn()
          const digests = await Promise.all(pulls.map(({ ended }) => ended))

          expect(new Set(digests)).toEqual(new Set([digest]))
        })
      },
      TIMEOUT_MS,
    )

    /** Of one process, new each time, as the kernel counts it. */
    async function expectPeakBelow(limit: number, load: string, work: (client: RegistryClient) => Promise<void>): Promise<void> {
      await expectLeastBelow({ what: `peak resident memory with ${load}`, unit: 'MiB', limit, rounds: 1 }, async () => {
        using folder = new TemporaryFolder()
        await using berth = await startBerth({ folder, processes: 1, dataDirectory: await store().newBucket() })
        await work(new RegistryClient(berth.url))
        const peaksMib = await Promise.all([berth.program.pid, ...(await berth.workers())].map(peakMibOf))
        for (const peakMib of peaksMib) expect(peakMib).toBeGreaterThan(10)
        return Math.max(...peaksMib)
      })
    }
  },
  ['versitygw'],
)

/** A client that takes the beginning of a blob, and the rest of it in small steps when it is told to. */
function pullSlowly(url: URL) {
  const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<string>()]
  const running = new RunningDigest('sha256')
  let left = -1
  const request = `GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: close\r\n\r\n`
  const socket = connect(Number(url.port), url.hostname, () => socket.write(request))
  socket.on('error', ended.reject)
  socket.on('close', () => ended.reject(new Error('the answer ended early')))
  socket.on('data', (bytes: Buffer) => {
    const start = left < 0 ? bytes.indexOf('\r\n\r\n') + 4 : 0
    if (left < 0) {
      left = UPLOAD_MIB * MIB
      socket.pause()
      begun.resolve()
    } else {
      socket.pause()
      setTimeout(() => socket.resume(), Math.random() * SLOW_STEP_MS)
    }
    running.update(bytes.subarray(start))
    left -= bytes.length - start
    if (left === 0) ended.resolve(running.digest())
  })
  return { begun: begun.promise, ended: ended.promise, goOn: () => socket.resume() }
}

/** Half of them with a PATCH before the closing PUT, half in that PUT alone. */
async function push(client: RegistryClient, repository: string, seed: number, isPatched: boolean): Promise<string> {
  const running = new RunningDigest('sha256')
  const location = await client.startUpload(repository)
  if (isPatched) {
    await expectStatus(await send('PATCH', new URL(location, client.url), mebibytes(seed, running)), 202)
    await expectStatus(await send('PUT', closing(client, location, running.digest()), null), 201)
    return running.digest()
  }
  for await (const _ of mebibytes(seed, running)) {
    // The digest stands in the address, so that it must be known before the first byte is sent.
  }
  const digest = running.digest()
  await expectStatus(await send('PUT', closing(client, location, digest), mebibytes(seed, new RunningDigest('sha256'))), 201)
  return digest
}

async function send(method: string, url: URL, body: ReadableStream<Uint8Array> | null): Promise<Response> {
  const headers = { 'content-type': 'application/octet-stream' }
  return await fetch(url, { method, body, headers, signal: AbortSignal.timeout(TIMEOUT_MS) })
}

function closing(client: RegistryClient, location: string, digest: string): URL {
  const url = new URL(location, client.url)
  url.searchParams.set('digest', digest)
  return url
}

/** The same bytes for the same seed. */
function mebibytes(seed: number, running: RunningDigest): ReadableStream<Uint8Array> {
  let sent = 0
  return new ReadableStream({
    pull(controller) {
      if (sent === UPLOAD_MIB * 16) return controller.close()
      const chunk = new Uint8Array(65_536).fill(seed)
      new DataView(chunk.buffer).setFloat64(0, seed * 1e9 + sent)
      running.update(chunk)
      sent += 1
      controller.enqueue(chunk)
    },
  })
}

async function pull(client: RegistryClient, repository: string, digest: string): Promise<string> {
  const running = new RunningDigest('sha256')
  const url = new URL(`/v2/${repository}/blobs/${digest}`, client.url)
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
  for await (const chunk of response.body ?? []) running.update(chunk)
  return running.digest()
}
