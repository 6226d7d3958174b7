import { expect, test } from 'bun:test'
import { stringify } from 'yaml'
import { LargeBlobs } from '../../bench/large-blobs.ts'
import { BenchUpstream } from '../../bench/stores/bench-upstream.ts'
import { startBerth } from '../support/berth-process.ts'
import { expectLeastBelow } from '../support/least-measured.ts'
import { environmentIn } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'
import { peakMibOf } from '../support/resident-memory.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const MIB = 1024 * 1024
/** 1024 in the promise. */
const BLOB_MIB = Number(process.env.BERTH_TEST_BLOB_MIB ?? 512)
const CLIENTS = 64
/** The others count what comes. */
const HASHING_CLIENTS = 4
const LIMIT_MB = 200
const PROCESSES = 2
const TIMEOUT_MS = 15 * 60_000
/** It takes as much as a pipe holds, and the rest after a line on its standard input. */
const STOPPING = 'exec 3<&0; curl -sS "$1" </dev/null | { read -r line <&3; $2; }'

describeWith({ programs: ['curl'] }, `resident memory stays under ${LIMIT_MB} MB`, () => {
  test(
    `while a mirror fetches a blob of ${BLOB_MIB} MiB for ${CLIENTS} clients that have stopped reading; they have the whole later`,
    async () => {
      const what = `peak resident memory with a fetch for ${CLIENTS} clients that do not read`
      await expectLeastBelow({ what, unit: 'MB', limit: LIMIT_MB, rounds: 1 }, peakOfFetch)
    },
    TIMEOUT_MS,
  )
})

/** Of the process that had most. */
async function peakOfFetch(): Promise<number> {
  using folder = new TemporaryFolder()
  const blob = (await LargeBlobs.make(folder.path, BLOB_MIB * MIB)).next()
  await using upstream = await BenchUpstream.start(folder.path)
  await upstream.addBlob(blob)
  const moreConfig = stringify({ mirrors: [{ prefix: 'far', url: upstream.url }] })
  await using berth = await startBerth({ folder, processes: PROCESSES, moreConfig })
  const url = `${berth.url}/v2/far/app/blobs/${blob.digest}`
  const clients = Array.from({ length: CLIENTS }, (_, client) => {
    const taking = client < HASHING_CLIENTS ? 'sha256sum' : 'wc -c'
    const env = environmentIn(folder.path)
    return Bun.spawn(['sh', '-c', STOPPING, 'sh', url, taking], { env, stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' })
  })
  await berth.program.waitForOutput(/msg="a blob was fetched"/, TIMEOUT_MS)

  for (const { stdin } of clients) stdin.write('\n')
  for (const { stdin } of clients) await stdin.end()
  const taken = await Promise.all(clients.map(async ({ stdout }) => (await stdout.text()).trim()))

  expect(new Set(taken)).toEqual(new Set([`${blob.digest.slice('sha256:'.length)}  -`, String(blob.size)]))
  expect(upstream.fetchesOf(blob)).toBe(1)
  const peaksMib = await Promise.all((await berth.workers()).map(peakMibOf))
  expect(peaksMib).toHaveLength(PROCESSES)
  return (Math.max(...peaksMib) * MIB) / 1e6
}
