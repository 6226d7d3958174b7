import { stringify } from 'yaml'
import type { Bench, Figure, Lab, Sample } from '../bench.ts'
import { dropBlobs, LargeBlobs } from '../large-blobs.ts'
import type { PreparedBlob } from '../load/connection.ts'
import { runConnections } from '../load/connections.ts'
import { runWrk } from '../load/wrk.ts'
import type { RegistryUnderLoad } from '../registry.ts'
import { BenchUpstream } from '../stores/bench-upstream.ts'
import { LayoutStore, MANIFEST_TYPE, manifestText, tagName } from '../stores/layout-store.ts'

const GIB = 1024 ** 3
const CLIENTS = 64
const CACHED_CONNECTIONS = 8
const MANIFEST_CONNECTIONS = 16
const SECONDS = 3
const PLACED_MS = 120_000
/** Of the upstream. docker-registry has no prefix; Berth has this repository and one of its own beside it. */
const REPOSITORY = 'bench/mirrored'
const PREFIX = 'far'
const OWN = 'bench/own'

/** A layer that is not here and that 64 clients want at once, and what is here already beside what was pushed here. */
export function mirror(blobBytes: number): Bench {
  let upstream: BenchUpstream | undefined
  let blobs: LargeBlobs | undefined
  const own = new Map<RegistryUnderLoad, PreparedBlob>()
  return {
    name: 'mirror',
    title: `A layer of ${blobBytes / GIB} GiB of another registry, for ${CLIENTS} clients at once, and pulled again`,
    mostRounds: 3,
    takesLong: true,
    figures: FIGURES,
    sections: async ({ folder }, contestant) => {
      upstream ??= BenchUpstream.start(folder)
      const { url } = upstream
      if (contestant === 'peer') return stringify({ proxy: { remoteurl: url } })
      return stringify({ mirrors: [{ prefix: PREFIX, url, ttl: '1h' }] })
    },
    end: async () => await upstream?.stop(),
    fill: async ({ contestant, data }) => {
      if (contestant !== 'peer') new LayoutStore(data).writeRepository(OWN, 1, 1)
    },
    prepare: async (registry, lab) => {
      blobs ??= await LargeBlobs.make(lab.folder, blobBytes)
      upstream?.addManifest({ tag: tagName(0), text: manifestText(OWN, 0) })
      if (registry.contestant === 'peer') return
      const blob = blobs.next()
      await runConnections([{ kind: 'upload', port: registry.port, repository: OWN, blobs: [blob] }], lab.folder)
      own.set(registry, blob)
    },
    sample: async (registry, lab) => {
      if (blobs === undefined || upstream === undefined) return {}
      const blob = blobs.next()
      await upstream.addBlob(blob)
      const missed = await missedSample(registry, lab, { blob, upstream })
      await inItsPlace(registry, blob)
      const cached = await cachedSample(registry, lab, { blob, own: own.get(registry) })
      await upstream.removeBlob(blob)
      await dropBlobs(registry, [blob])
      return { ...missed, ...cached, ...(await manifestSample(registry, lab)) }
    },
  }
}

function mirroredName({ contestant }: RegistryUnderLoad): string {
  return contestant === 'peer' ? REPOSITORY : `${PREFIX}/${REPOSITORY}`
}

interface Missed {
  readonly blob: PreparedBlob
  readonly upstream: BenchUpstream
}

async function missedSample(registry: RegistryUnderLoad, lab: Lab, { blob, upstream }: Missed): Promise<Sample> {
  registry.forgetPeak()
  const load = { repository: mirroredName(registry), blob, connections: CLIENTS, times: 1 }
  const { rate, cpu, firstBytesAtMs } = await pulled(registry, lab, load)
  return {
    fetches: upstream.fetchesOf(blob),
    first: Math.max(...firstBytesAtMs) - upstream.firstSentAtMs(blob),
    'missed-rate': rate,
    'missed-cpu': cpu,
    peak: registry.residentBytes().peak / 1e6,
  }
}

/** Berth sends a blob that is on its way in chunks, and one in its place with its length. */
async function inItsPlace(registry: RegistryUnderLoad, { digest }: PreparedBlob): Promise<void> {
  const deadline = performance.now() + PLACED_MS
  for (;;) {
    const { headers, body } = await fetch(`${registry.url}/v2/${mirroredName(registry)}/blobs/${digest}`)
    await body?.cancel()
    if (headers.has('content-length')) return
    if (performance.now() > deadline) throw new Error(`${registry.contestant}: the layer is not in its place in ${PLACED_MS} ms`)
    await Bun.sleep(50)
  }
}

interface Cached {
  readonly blob: PreparedBlob
  /** Pushed here; the peer takes no pushes. */
  readonly own: PreparedBlob | undefined
}

async function cachedSample(registry: RegistryUnderLoad, lab: Lab, { blob, own }: Cached): Promise<Sample> {
  const load = { connections: CACHED_CONNECTIONS, times: 2 }
  const cached = await pulled(registry, lab, { ...load, repository: mirroredName(registry), blob })
  const sample = { 'cached-rate': cached.rate, 'cached-cpu': cached.cpu }
  if (own === undefined) return sample
  const local = await pulled(registry, lab, { ...load, repository: OWN, blob: own })
  return { ...sample, 'local-rate': local.rate, 'local-cpu': local.cpu, 'blob-cost': cached.cpu / local.cpu }
}

interface Load {
  readonly repository: string
  readonly blob: PreparedBlob
  readonly connections: number
  readonly times: number
}

async function pulled(registry: RegistryUnderLoad, lab: Lab, { repository, blob, connections, times }: Load) {
  const { port } = registry
  const { digest, size: bytes } = blob
  const job = { kind: 'download', port, path: `/v2/${repository}/blobs/${digest}`, times, bytes } as const
  const jobs = Array.from({ length: connections }, () => job)
  const before = registry.cpuSeconds()
  const { seconds, firstBytesAtMs } = await runConnections(jobs, lab.folder)
  const gigabytes = (bytes * times * connections) / 1e9
  return { rate: gigabytes / seconds, cpu: (registry.cpuSeconds() - before) / gigabytes, firstBytesAtMs }
}

/** Manifests by a tag that was looked up within its ttl; docker-registry knows none and asks each time. */
async function manifestSample(registry: RegistryUnderLoad, lab: Lab): Promise<Sample> {
  const cached = await asked(registry, lab, mirroredName(registry))
  const sample = { 'manifest-rate': cached.rate, 'manifest-cpu': cached.cpu }
  if (registry.contestant === 'peer') return sample
  const local = await asked(registry, lab, OWN)
  return { ...sample, 'own-manifest-rate': local.rate, 'manifest-cost': cached.cpu / local.cpu }
}

async function asked(registry: RegistryUnderLoad, { folder }: Lab, repository: string) {
  const before = registry.cpuSeconds()
  const { requestsPerSecond, requests } = await runWrk(
    {
      url: registry.url,
      paths: [`/v2/${repository}/manifests/${tagName(0)}`],
      connections: MANIFEST_CONNECTIONS,
      seconds: SECONDS,
      headers: { Accept: MANIFEST_TYPE },
    },
    folder,
  )
  return { rate: requestsPerSecond, cpu: ((registry.cpuSeconds() - before) * 1e6) / requests }
}

const FIGURES: readonly Figure[] = [
  { key: 'fetches', title: 'not here: fetches from the upstream', unit: '', better: 'less', limit: 1 },
  { key: 'first', title: "not here: last client's first byte after the upstream's", unit: 'ms', better: 'less', limit: 50 },
  { key: 'missed-rate', title: 'not here', unit: 'GB/s', better: 'more', ratio: 1 },
  { key: 'missed-cpu', title: 'not here: CPU', unit: 's/GB', better: 'less', ratio: 1 },
  { key: 'peak', title: 'not here: memory of the largest process, at most', unit: 'MB', better: 'less', limit: 250 },
  { key: 'cached-rate', title: 'here', unit: 'GB/s', better: 'more', ratio: 1 },
  { key: 'cached-cpu', title: 'here: CPU', unit: 's/GB', better: 'less', ratio: 1 },
  { key: 'local-rate', title: 'pushed here', unit: 'GB/s', better: 'more' },
  { key: 'local-cpu', title: 'pushed here: CPU', unit: 's/GB', better: 'less' },
  { key: 'blob-cost', title: 'CPU of a blob that is here by that of one pushed here', unit: '', better: 'less', limit: 1.1 },
  { key: 'manifest-rate', title: 'manifest by tag, here', unit: '1/s', better: 'more', ratio: 25 },
  { key: 'manifest-cpu', title: 'manifest by tag, here: CPU', unit: 'µs', better: 'less' },
  { key: 'own-manifest-rate', title: 'manifest by tag, pushed here', unit: '1/s', better: 'more' },
  {
    key: 'manifest-cost',
    title: 'CPU of a manifest by tag that is here by that of one pushed here',
    unit: '',
    better: 'less',
    limit: 1.1,
  },
]
