import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { expectStatus, RegistryClient } from '../../test/support/registry-client.ts'
import type { Bench, Figure, Lab, Sample } from '../bench.ts'
import { dropBlobs, LargeBlobs } from '../large-blobs.ts'
import type { PreparedBlob } from '../load/connection.ts'
import { runConnections } from '../load/connections.ts'
import { pullInTurns } from '../load/pulls-in-turns.ts'
import { startWaiting } from '../load/waiting.ts'
import { runWrk } from '../load/wrk.ts'
import { CONTESTANTS, type RegistryUnderLoad } from '../registry.ts'
import { BenchUpstream } from '../stores/bench-upstream.ts'
import { CONFIG, digestOf, LAYER_TYPE, LayoutStore, MANIFEST_TYPE, manifestText, tagName } from '../stores/layout-store.ts'

const GIB = 1024 ** 3
const SMALL_BYTES = 4 * 1024 * 1024
const CLIENTS = 64
const MANIFEST_CONNECTIONS = 16
const SECONDS = 3
const WARM_UP_TURNS = 3
const PLACED_MS = 120_000
/** In so long a registry reads the requests that have been sent to it. */
const READ_MS = 500
/** Of the upstream. docker-registry and zot have no prefix; Berth and zot have this repository and one of their own beside it. */
const REPOSITORY = 'bench/mirrored'
const PREFIX = 'far'
const OWN = 'bench/own'
/** How long a tag is believed. docker-registry knows no such time. */
const TTL = '1h'
/** What images say of themselves: its end is the whole of it. */
const CONFIG_BLOB: PreparedBlob = {
  digest: digestOf(CONFIG),
  size: CONFIG.length,
  file: '/dev/null',
  end: Buffer.from(CONFIG).toString('base64'),
}

/** A layer that is not here and that 64 clients want at once, and what is here already beside what was pushed here. */
export function mirror(blobBytes: number): Bench {
  let upstream: BenchUpstream | undefined
  let blobs: LargeBlobs | undefined
  /** The first layer of a process costs it more. */
  let small: LargeBlobs | undefined
  const own = new Map<RegistryUnderLoad, PreparedBlob>()
  return {
    name: 'mirror',
    title: `A layer of ${blobBytes / GIB} GiB of another registry, for ${CLIENTS} clients at once, and pulled again`,
    mostRounds: 3,
    takesLong: true,
    contestants: CONTESTANTS,
    figures: FIGURES,
    sections: async ({ folder }, contestant) => {
      upstream ??= await BenchUpstream.start(folder)
      const { url } = upstream
      if (contestant === 'peer') return stringify({ proxy: { remoteurl: url } })
      if (contestant === 'zot') return zotSync(url)
      return stringify({ mirrors: [{ prefix: PREFIX, url, ttl: TTL }] })
    },
    end: async () => await upstream?.[Symbol.asyncDispose](),
    fill: async ({ contestant, data }) => {
      if (contestant.startsWith('berth')) new LayoutStore(data).writeRepository(OWN, 1, 1)
    },
    prepare: async (registry, lab) => {
      blobs ??= await LargeBlobs.make(lab.folder, blobBytes)
      small ??= await LargeBlobs.make(lab.folder, SMALL_BYTES)
      await upstream?.addBlob(CONFIG_BLOB)
      upstream?.addManifest({ tag: tagName(0), text: manifestText(OWN, 0) })
      if (registry.contestant === 'peer') return
      if (registry.contestant === 'zot') await pushOwnManifest(registry)
      const blob = blobs.next()
      await runConnections([{ kind: 'upload', port: registry.port, repository: OWN, blobs: [blob] }], lab.folder)
      own.set(registry, blob)
    },
    sample: async (registry, lab) => {
      if (blobs === undefined || small === undefined || upstream === undefined) return {}
      const missed: { readonly blob: PreparedBlob; readonly sample: Sample }[] = []
      for (const blob of [small.next(), blobs.next()]) {
        await upstream.addBlob(blob)
        upstream.addManifest({ tag: tagOf(blob), text: imageText(blob) })
        missed.push({ blob, sample: await missedSample(registry, { blob, upstream }) })
        await inItsPlace(registry, blob)
      }
      const [first, counted] = missed
      if (first === undefined || counted === undefined) return {}
      const cached = await cachedSample(registry, lab, { blob: counted.blob, own: own.get(registry) })
      for (const { blob } of missed) {
        await upstream.removeBlob(blob)
        await dropMirrored(registry, blob)
      }
      return {
        ...counted.sample,
        'first-new': first.sample.first ?? Number.NaN,
        ...cached,
        ...(await manifestSample(registry, lab)),
      }
    },
  }
}

/** Its extension `sync`, for this one repository. */
function zotSync(url: string): string {
  const registry = {
    urls: [url],
    onDemand: true,
    tlsVerify: false,
    manifestCheckInterval: TTL,
    content: [{ prefix: REPOSITORY }],
  }
  return JSON.stringify({ sync: { enable: true, registries: [registry] } })
}

/** It lays out its directory in its own way. */
async function pushOwnManifest({ url }: RegistryUnderLoad): Promise<void> {
  const client = new RegistryClient(url)
  await client.pushBlob(OWN, { digest: digestOf(CONFIG), bytes: Buffer.from(CONFIG) })
  const bytes = Buffer.from(manifestText(OWN, 0))
  const manifest = { bytes, mediaType: MANIFEST_TYPE, digest: digestOf(bytes.toString()) }
  await expectStatus(await client.putManifest(OWN, tagName(0), manifest), 201)
}

function tagOf({ digest }: PreparedBlob): string {
  return `with-${digest.slice(-12)}`
}

/** An image of this one layer. */
function imageText({ digest, size }: PreparedBlob): string {
  return manifestText(REPOSITORY, 0, [{ mediaType: LAYER_TYPE, digest, size }])
}

function mirroredName({ contestant }: RegistryUnderLoad): string {
  return contestant.startsWith('berth') ? `${PREFIX}/${REPOSITORY}` : REPOSITORY
}

async function dropMirrored(registry: RegistryUnderLoad, blob: PreparedBlob): Promise<void> {
  if (registry.contestant !== 'zot') return await dropBlobs(registry, [blob])
  await rm(join(registry.data, REPOSITORY, 'blobs', blob.digest.replace(':', '/')))
}

interface Missed {
  readonly blob: PreparedBlob
  readonly upstream: BenchUpstream
}

/** The upstream sends nothing before all clients have asked: what a client needs to start and to connect is not the registry's. */
async function missedSample(registry: RegistryUnderLoad, { blob, upstream }: Missed): Promise<Sample> {
  registry.forgetPeak()
  const { port } = registry
  // zot fetches layers with their image, when its manifest is asked for, and has no layer before.
  const manifests = registry.contestant === 'zot' ? [`/v2/${REPOSITORY}/manifests/${tagOf(blob)}`] : []
  const paths = [...manifests, `/v2/${mirroredName(registry)}/blobs/${blob.digest}`]
  const before = registry.cpuSeconds()
  const release = upstream.hold()
  const clients = await startWaiting({ port, connections: CLIENTS, paths, bytes: blob.size })
  await Bun.sleep(READ_MS)
  release()
  const startedAt = performance.now()
  const { firstBytesAtMs } = await clients.report()
  const seconds = (performance.now() - startedAt) / 1000
  const gigabytes = (blob.size * CLIENTS) / 1e9
  return {
    fetches: upstream.fetchesOf(blob),
    first: Math.max(...firstBytesAtMs) - upstream.firstAnsweredAtMs(blob),
    'missed-rate': gigabytes / seconds,
    'missed-cpu': (registry.cpuSeconds() - before) / gigabytes,
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
  const mirrored = { repository: mirroredName(registry), blob }
  const pulled = own === undefined ? [mirrored] : [mirrored, { repository: OWN, blob: own }]
  const [cached, local] = await pullInTurns(registry, lab.folder, pulled)
  if (cached === undefined) return {}
  const sample = { 'cached-rate': cached.rate, 'cached-cpu': cached.cpu }
  if (local === undefined) return sample
  return { ...sample, 'local-rate': local.rate, 'local-cpu': local.cpu, 'blob-cost': cached.cpu / local.cpu }
}

/**
 * Manifests by a tag that was looked up within its ttl, and by one that was pushed here, in turn. Programs that compile themselves while they run are
 * measured as they are after some turns of both. docker-registry knows no such time and asks for each request.
 */
async function manifestSample(registry: RegistryUnderLoad, lab: Lab): Promise<Sample> {
  const mirrored = { path: mirroredName(registry), seconds: 0, requests: 0, cpuSeconds: 0 }
  const own = { ...mirrored, path: OWN }
  const kinds = registry.contestant === 'peer' ? [mirrored] : [mirrored, own]
  for (let turn = 0; turn < WARM_UP_TURNS; turn += 1) for (const { path } of kinds) await asked(registry, lab, path)
  for (const kind of [...kinds, ...kinds.toReversed()]) {
    const { seconds, requests, cpuSeconds } = await asked(registry, lab, kind.path)
    kind.seconds += seconds
    kind.requests += requests
    kind.cpuSeconds += cpuSeconds
  }
  const microseconds = ({ cpuSeconds, requests }: typeof own) => (cpuSeconds * 1e6) / requests
  const sample = { 'manifest-rate': mirrored.requests / mirrored.seconds, 'manifest-cpu': microseconds(mirrored) }
  if (registry.contestant === 'peer') return sample
  const cost = microseconds(mirrored) / microseconds(own)
  return {
    ...sample,
    'own-manifest-rate': own.requests / own.seconds,
    'own-manifest-cpu': microseconds(own),
    'manifest-cost': cost,
  }
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
  return { seconds: requests / requestsPerSecond, requests, cpuSeconds: registry.cpuSeconds() - before }
}

const FIGURES: readonly Figure[] = [
  { key: 'fetches', title: 'not here: fetches from the upstream', unit: '', better: 'less', limit: 1 },
  {
    key: 'first',
    title: "not here, 64 requests wait: last client's first byte after the upstream's",
    unit: 'ms',
    better: 'less',
    limit: 50,
  },
  {
    key: 'first-new',
    title: 'the same for the first layer that a new process fetches, of 4 MiB',
    unit: 'ms',
    better: 'less',
    limit: 50,
  },
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
  { key: 'own-manifest-cpu', title: 'manifest by tag, pushed here: CPU', unit: 'µs', better: 'less' },
  {
    key: 'manifest-cost',
    title: 'CPU of a manifest by tag that is here by that of one pushed here',
    unit: '',
    better: 'less',
    limit: 1.1,
  },
]
