import { Database } from 'bun:sqlite'
import { join } from 'node:path'
import type { Bench, Figure, Sample } from '../bench.ts'
import { PacedRequests } from '../load/paced.ts'
import type { RegistryUnderLoad } from '../registry.ts'
import { keptPaths, writeCollectableStore } from '../stores/collectable-store.ts'
import { writeLargeBlobs } from '../stores/large-blobs.ts'
import { MANIFEST_TYPE } from '../stores/layout-store.ts'

const LAYERS = 20_000
const BYTES = 10e9
const BYTES_PER_SECOND = 20e6
const WARM_SECONDS = 20
const AFTER_SECONDS = 120
const PATIENCE_MS = 60 * 60_000
const EVERY_MS = 10

const FIGURES: readonly Figure[] = [
  { key: 'rate', title: 'bytes read', unit: 'MB/s', better: 'more' },
  { key: 'manifest-during', title: 'manifest GET: p99 meanwhile', unit: 'ms', better: 'less' },
  { key: 'manifest-after', title: 'manifest GET: p99 afterwards', unit: 'ms', better: 'less' },
  { key: 'manifest-times', title: 'manifest GET: p99 meanwhile by afterwards', unit: '×', better: 'less', limit: 1.1 },
  { key: 'blob-during', title: 'blob GET: p99 meanwhile', unit: 'ms', better: 'less' },
  { key: 'blob-after', title: 'blob GET: p99 afterwards', unit: 'ms', better: 'less' },
  { key: 'blob-times', title: 'blob GET: p99 meanwhile by afterwards', unit: '×', better: 'less', limit: 1.1 },
]

/** All bytes of a storage are read and compared with their digests at the default rate, while Berth is asked for manifests and blobs. */
export const scrub: Bench = {
  name: 'scrub',
  title: `Scrubbing ${BYTES / 1e9} GB at ${BYTES_PER_SECOND / 1e6} MB/s`,
  takesLong: true,
  mostRounds: 1,
  // The pass begins with the registry: that of the second one would be over before its turn.
  runsAlone: true,
  contestants: ['berth', 'berth-1'],
  figures: FIGURES,
  storage: async (lab, contestant) =>
    `  filesystem:\n    rootdirectory: ${join(lab.folder, contestant, 'data')}\n  maintenance:\n    scrub: {enabled: true, rate: ${BYTES_PER_SECOND}}\n`,
  fill: async ({ data }) => {
    writeCollectableStore(data, LAYERS)
    writeLargeBlobs(data, BYTES)
    await Bun.spawn(['sync']).exited
    // What is read comes from the disk; only root may say so.
    if (process.getuid?.() === 0) await Bun.write('/proc/sys/vm/drop_caches', '1')
  },
  sample: scrubServing,
}

async function scrubServing(registry: RegistryUnderLoad): Promise<Sample> {
  if (isPassOver(registry.data)) throw new Error('the pass was over before it was measured')
  const load = { url: registry.url, kinds: keptPaths(LAYERS), everyMs: EVERY_MS, accept: MANIFEST_TYPE }
  await pulled(load, WARM_SECONDS)
  const pulls = new PacedRequests(load)
  const { bytes, seconds } = await passOf(registry.data)
  const during = await pulls.stop()
  const after = await pulled(load, AFTER_SECONDS)
  const p99 = (report: typeof during, kind: string) => report[kind]?.p99Ms ?? 0
  const figuresOf = (kind: string) => ({
    [`${kind}-during`]: p99(during, kind),
    [`${kind}-after`]: p99(after, kind),
    [`${kind}-times`]: p99(during, kind) / p99(after, kind),
  })
  return { rate: bytes / 1e6 / seconds, ...figuresOf('manifest'), ...figuresOf('blob') }
}

async function pulled(load: ConstructorParameters<typeof PacedRequests>[0], seconds: number) {
  const pulls = new PacedRequests(load)
  await Bun.sleep(seconds * 1000)
  return await pulls.stop()
}

function isPassOver(data: string): boolean {
  using database = new Database(join(data, 'berth/metadata.db'), { readonly: true })
  const row = database.query<{ value: string }, []>("SELECT value FROM property WHERE name = 'scrub'").get()
  return JSON.parse(row?.value ?? '{}').endedAtMs !== undefined
}

/** Waits for the end of the first pass over the storage. */
async function passOf(data: string): Promise<{ readonly bytes: number; readonly seconds: number }> {
  using database = new Database(join(data, 'berth/metadata.db'), { readonly: true })
  const query = database.query<{ value: string }, []>("SELECT value FROM property WHERE name = 'scrub'")
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const note = JSON.parse(query.get()?.value ?? '{}') as Readonly<Record<string, number | undefined>>
    const { beganAtMs = 0, endedAtMs, bytes = 0, damaged = 0 } = note
    if (damaged > 0) throw new Error(`${damaged} blobs were found damaged`)
    if (endedAtMs !== undefined) return { bytes, seconds: (endedAtMs - beganAtMs) / 1000 }
    if (Date.now() > deadline) throw new Error(`the pass did not end in ${PATIENCE_MS / 60_000} minutes`)
    await Bun.sleep(200)
  }
}
