import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { Bench, Figure, Lab, Sample } from '../bench.ts'
import { MappedFile } from '../collect/mapped-file.ts'
import { Probed } from '../collect/probed.ts'
import { type Collection, WatchedCollector } from '../collect/watched.ts'
import { PacedRequests } from '../load/paced.ts'
import type { RegistryUnderLoad } from '../registry.ts'
import { keptPaths, writeCollectableStore } from '../stores/collectable-store.ts'
import { MANIFEST_TYPE } from '../stores/layout-store.ts'

const SECONDS_BEFORE = 30
const EVERY_MS = 10
const MB = 1e6
/** Of the longest turns and transactions of each phase so many are named. */
const NAMED = 3

/**
 * A tenth of the layers is garbage: Berth takes it at its own rate, while it is asked for manifests and blobs. What is in the layers is not read
 * meanwhile, as it would be after a takeover: that is measured by itself (`inside`).
 */
export function collect(layers: number): Bench {
  const probes = new Map<string, Probed>()
  const collections = new Map<string, Collection>()
  const probeOf = (lab: Lab, contestant: string) => {
    const probe = probes.get(contestant) ?? new Probed(join(lab.folder, contestant))
    probes.set(contestant, probe)
    return probe
  }
  return {
    ...storeToCollect(layers),
    name: 'collect',
    title: `Collecting ${garbageOf(layers)} layers at the default rate`,
    contestants: ['berth', 'berth-1'],
    figures: FIGURES,
    environment: (lab, contestant) => probeOf(lab, contestant).environment,
    storage: async (lab, contestant) => storageOf(lab, contestant, { layers: { enabled: false } }),
    sample: async (registry, lab) => {
      const { sample, collection } = await collectServing(registry, probeOf(lab, registry.contestant), layers)
      collections.set(registry.contestant, collection)
      return sample
    },
    causes: ({ contestant }) => causesOf(probes.get(contestant), collections.get(contestant)),
  }
}

function causesOf(probe: Probed | undefined, collection: Collection | undefined): readonly string[] {
  if (probe === undefined || collection === undefined) return []
  const { passBeganMs, condemnedMs, removalBeganMs, removedMs, purgedMs } = collection
  const phases: [string, number, number][] = [
    ['looking', passBeganMs, condemnedMs],
    ['between', condemnedMs, removalBeganMs],
    ['removing', removalBeganMs, removedMs],
    ['purging', removedMs, purgedMs],
  ]
  return phases.flatMap(([phase, fromMs, toMs]) => probe.causes(fromMs, toMs, NAMED).map((cause) => `${phase}, ${cause}`))
}

/** The same as fast as it goes, beside docker-registry, which collects while it is stopped. */
export function collectFast(layers: number): Bench {
  return {
    ...storeToCollect(layers),
    name: 'collect-fast',
    title: `Collecting ${garbageOf(layers)} layers as fast as it goes`,
    figures: FAST_FIGURES,
    storage: async (lab, contestant) => storageOf(lab, contestant, { collector: { rate: 0 } }),
    sample: async (registry) =>
      registry.contestant === 'peer' ? await collectStopped(registry, layers / 10) : await collectAlone(registry, layers / 10),
  }
}

/** Below `storage`. */
function storageOf({ folder }: Lab, contestant: string, maintenance: object): string {
  const storage = { filesystem: { rootdirectory: join(folder, contestant, 'data') }, maintenance }
  return stringify(storage).replace(/^(?=.)/gm, '  ')
}

function garbageOf(layers: number): string {
  return `${(layers / 10).toLocaleString('en-US')} of ${layers.toLocaleString('en-US')}`
}

function storeToCollect(layers: number): Pick<Bench, 'takesLong' | 'mostRounds' | 'fill'> {
  let written: string | undefined
  return {
    takesLong: true,
    mostRounds: 1,
    fill: async ({ data }) => {
      if (written === undefined) writeCollectableStore(data, layers)
      else await copyOf(written, data)
      written ??= data
      await Bun.spawn(['sync']).exited
    },
  }
}

const FIGURES: readonly Figure[] = [
  { key: 'whole', title: 'looking and removing', unit: 's', better: 'less' },
  { key: 'look', title: 'of it looking', unit: 's', better: 'less' },
  { key: 'rate', title: 'links and bytes removed', unit: '1/s', better: 'more' },
  { key: 'manifest-before', title: 'manifest GET: p99 before', unit: 'ms', better: 'less' },
  { key: 'manifest-during', title: 'manifest GET: p99 meanwhile', unit: 'ms', better: 'less' },
  { key: 'manifest-times', title: 'manifest GET: p99 meanwhile by before', unit: '×', better: 'less', limit: 1.5 },
  { key: 'blob-before', title: 'blob GET: p99 before', unit: 'ms', better: 'less' },
  { key: 'blob-during', title: 'blob GET: p99 meanwhile', unit: 'ms', better: 'less' },
  { key: 'blob-times', title: 'blob GET: p99 meanwhile by before', unit: '×', better: 'less', limit: 1.5 },
  { key: 'turn', title: 'longest turn of the event loop', unit: 'ms', better: 'less', limit: 20 },
  { key: 'turn-cpu', title: 'longest turn, of the processor', unit: 'ms', better: 'less' },
  { key: 'transaction', title: 'longest transaction', unit: 'ms', better: 'less', limit: 20 },
  { key: 'transaction-cpu', title: 'longest transaction, of the processor', unit: 'ms', better: 'less' },
  { key: 'purge-turn', title: 'longest turn while tombstones are purged', unit: 'ms', better: 'less', limit: 20 },
  { key: 'purge-turn-cpu', title: 'longest turn while tombstones are purged, of the processor', unit: 'ms', better: 'less' },
  { key: 'memory', title: 'memory before, at most', unit: 'MB', better: 'less' },
  { key: 'peak', title: 'memory meanwhile, at most', unit: 'MB', better: 'less' },
  { key: 'more', title: 'memory for it', unit: 'MB', better: 'less', limit: 20 },
]

const FAST_FIGURES: readonly Figure[] = [
  { key: 'whole', title: 'looking and removing', unit: 's', better: 'less' },
  { key: 'look', title: 'of it looking', unit: 's', better: 'less' },
  { key: 'rate', title: 'links and bytes removed', unit: '1/s', better: 'more', limit: 1000 },
  { key: 'peak', title: 'memory, at most', unit: 'MB', better: 'less' },
]

async function collectAlone(registry: RegistryUnderLoad, garbage: number): Promise<Sample> {
  using collector = new WatchedCollector(registry.data)
  const collection = await collector.follow(garbage)
  return { ...timesOf(collection, garbage), peak: registry.residentBytes().peak / MB }
}

async function collectServing(
  registry: RegistryUnderLoad,
  probe: Probed,
  layers: number,
): Promise<{ readonly sample: Sample; readonly collection: Collection }> {
  const garbage = layers / 10
  using _ = new MappedFile(join(registry.data, 'berth/metadata.db'))
  using collector = new WatchedCollector(registry.data)
  const blobs = collector.blobs()
  const load = { url: registry.url, kinds: keptPaths(layers), everyMs: EVERY_MS, accept: MANIFEST_TYPE }
  // Memory rises and falls with what the requests leave to be collected by the runtime: its most is compared, not what it is at a moment.
  registry.forgetPeak()
  const calm = new PacedRequests(load)
  await Bun.sleep(SECONDS_BEFORE * 1000)
  const before = await calm.stop()
  const memory = registry.residentBytes().peak
  registry.forgetPeak()
  const pulls = new PacedRequests(load)
  const collection = await collector.follow(garbage)
  const during = await pulls.stop()
  const { peak } = registry.residentBytes()
  if (blobs - collector.blobs() !== garbage) throw new Error(`${blobs - collector.blobs()} blobs went`)
  const longest = probe.longest(collection.passBeganMs, collection.removedMs)
  const purging = probe.longest(collection.removedMs, collection.purgedMs)
  const times = (kind: string) => (during[kind]?.p99Ms ?? 0) / (before[kind]?.p99Ms ?? 1)
  const sample = {
    ...timesOf(collection, garbage),
    ...{ 'manifest-before': before.manifest?.p99Ms ?? 0, 'manifest-during': during.manifest?.p99Ms ?? 0 },
    ...{ 'blob-before': before.blob?.p99Ms ?? 0, 'blob-during': during.blob?.p99Ms ?? 0 },
    ...{ 'manifest-times': times('manifest'), 'blob-times': times('blob') },
    ...{ turn: longest.turnMs, 'turn-cpu': longest.turnCpuMs },
    ...{ transaction: longest.transactionMs, 'transaction-cpu': longest.transactionCpuMs },
    ...{ 'purge-turn': purging.turnMs, 'purge-turn-cpu': purging.turnCpuMs },
    ...{ memory: memory / MB, peak: peak / MB, more: (peak - memory) / MB },
  }
  return { sample, collection }
}

function timesOf({ passBeganMs, condemnedMs, removalBeganMs, removedMs }: Collection, garbage: number): Sample {
  const look = (condemnedMs - passBeganMs) / 1000
  const removal = (removedMs - removalBeganMs) / 1000
  return { whole: look + removal, look, rate: (2 * garbage) / removal }
}

/** It removes the bytes and leaves the links. */
async function collectStopped(registry: RegistryUnderLoad, garbage: number): Promise<Sample> {
  await registry.stop()
  const startedAt = performance.now()
  const child = Bun.spawn(['docker-registry', 'garbage-collect', registry.config], {
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let removed = 0
  for await (const line of linesOf(child.stdout)) if (line.startsWith('blob eligible for deletion')) removed += 1
  if ((await child.exited) !== 0 || removed !== garbage) throw new Error(`docker-registry removed ${removed}`)
  const whole = (performance.now() - startedAt) / 1000
  return { whole, peak: (child.resourceUsage()?.maxRSS ?? 0) / MB }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let left = ''
  const decoder = new TextDecoder()
  for await (const chunk of stream) {
    const lines = (left + decoder.decode(chunk, { stream: true })).split('\n')
    left = lines.pop() ?? ''
    yield* lines
  }
}

/** Removing a name of a file leaves its others, so that the copies share what lies in the files. */
async function copyOf(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  const copied = await Bun.spawn(['cp', '-al', '--no-target-directory', `${from}/docker`, `${to}/docker`]).exited
  if (copied !== 0) throw new Error('the store could not be copied')
}
