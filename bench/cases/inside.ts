import { Database } from 'bun:sqlite'
import { join } from 'node:path'
import { insideBytes } from '../../test/support/inside-bytes.ts'
import type { Bench, Figure, Sample } from '../bench.ts'
import { type PacedReport, PacedRequests } from '../load/paced.ts'
import type { RegistryUnderLoad } from '../registry.ts'
import { LAYERS_OF_IMAGE, type LayeredStore, writeLayeredStore } from '../stores/layered-store.ts'
import { MANIFEST_TYPE } from '../stores/layout-store.ts'

/** Each begins with a registry that reads layers, and goes on with one that does not, of the same age: one that has run for longer answers more quickly. */
const TURNS = 3
const NOT_READING = { REGISTRY_STORAGE_MAINTENANCE_LAYERS_ENABLED: 'false' }
const WARM_SECONDS = 15
const MEASURED_SECONDS = 90
const PATIENCE_MS = 4 * 60 * 60_000
/** Sixteen clients, each of which asks for six manifests and for one layer a second. */
const [MANIFEST_EVERY_MS, LAYER_EVERY_MS] = [10, 62]
const SEARCHES = 50
/** Fewer that are left do not tell how fast layers are read: other images, whose layers are known, come between them. */
const LEAST_LAYERS = 20

const FIGURES: readonly Figure[] = [
  { key: 'manifest-during', title: 'manifest GET: p99 while layers are read', unit: 'ms', better: 'less' },
  { key: 'manifest-without', title: 'manifest GET: p99 while none are', unit: 'ms', better: 'less' },
  {
    key: 'manifest-times',
    title: 'manifest GET: p99 while layers are read by that while none are',
    unit: '×',
    better: 'less',
    limit: 1.1,
  },
  { key: 'layer-during', title: 'layer GET: p99 while layers are read', unit: 'ms', better: 'less' },
  { key: 'layer-without', title: 'layer GET: p99 while none are', unit: 'ms', better: 'less' },
  {
    key: 'layer-times',
    title: 'layer GET: p99 while layers are read by that while none are',
    unit: '×',
    better: 'less',
    limit: 1.1,
  },
  { key: 'read-serving', title: 'layers read while clients pull', unit: 'MB/s', better: 'more' },
  { key: 'read-idle', title: 'layers read while none does', unit: 'MB/s', better: 'more' },
  { key: 'kept', title: 'bytes kept, of those stored', unit: '%', better: 'less', limit: 1 },
  { key: 'search', title: 'search for a package that all images have: p50', unit: 'ms', better: 'less', limit: 100 },
  { key: 'search-longest', title: 'search for a package that all images have: the longest', unit: 'ms', better: 'less' },
]

/** The layers of images are read in the background, while clients pull and then while none does. */
export function inside(images: number): Bench {
  let store: LayeredStore | undefined
  return {
    name: 'inside',
    title: `Reading the layers of ${images} images of ${LAYERS_OF_IMAGE} layers of about 10 MB while 16 clients pull`,
    takesLong: true,
    mostRounds: 1,
    // The reading begins with the registry.
    runsAlone: true,
    contestants: ['berth'],
    figures: FIGURES,
    fill: async ({ data }) => {
      store = writeLayeredStore(data, images)
      await Bun.spawn(['sync']).exited
    },
    sample: async (registry) => (store === undefined ? {} : await sampleOf(registry, store)),
  }
}

async function sampleOf(registry: RegistryUnderLoad, store: LayeredStore): Promise<Sample> {
  const path = join(registry.data, 'berth/metadata.db')
  const bytesOfLayer = store.storedBytes / store.layers
  const [during, without] = [new Pulls(), new Pulls()]
  let meanwhile = 0
  for (let turn = 0; turn < TURNS; turn += 1) {
    await startAnew(registry)
    await pulled(registry, store, WARM_SECONDS)
    const before = readLayers(path)
    during.add(await pulled(registry, store, MEASURED_SECONDS))
    meanwhile += readLayers(path) - before
    if (readLayers(path) >= store.layers) throw new Error('all was read before it was measured; say more --images')
    await startAnew(registry, NOT_READING)
    await pulled(registry, store, WARM_SECONDS)
    without.add(await pulled(registry, store, MEASURED_SECONDS))
  }
  await startAnew(registry)
  const idle = await allRead(path, store)
  const searches = await searched(registry)
  const [manifest, layer] = [during.p99Ms('manifest'), during.p99Ms('layer')]
  const [manifestWithout, layerWithout] = [without.p99Ms('manifest'), without.p99Ms('layer')]
  return {
    ...{ 'manifest-during': manifest, 'manifest-without': manifestWithout, 'manifest-times': manifest / manifestWithout },
    ...{ 'layer-during': layer, 'layer-without': layerWithout, 'layer-times': layer / layerWithout },
    'read-serving': (meanwhile * bytesOfLayer) / 1e6 / (TURNS * MEASURED_SECONDS),
    ...(idle.layers < LEAST_LAYERS ? {} : { 'read-idle': (idle.layers * bytesOfLayer) / 1e6 / idle.seconds }),
    kept: (100 * insideBytes(path).bytes) / store.storedBytes,
    search: searches[Math.floor(SEARCHES / 2)] ?? 0,
    'search-longest': searches.at(-1) ?? 0,
  }
}

async function startAnew(registry: RegistryUnderLoad, variables: Readonly<Record<string, string>> = {}): Promise<void> {
  await registry.stop()
  await registry.start('/v2/', variables)
  await registry.scanned()
}

/** How long the requests of several turns took. */
class Pulls {
  readonly #reports: PacedReport[] = []

  add(report: PacedReport): void {
    this.#reports.push(report)
  }

  /** Of all turns together. */
  p99Ms(kind: 'manifest' | 'layer'): number {
    const ms = this.#reports.flatMap((report) => report[kind]?.ms ?? []).sort((one, other) => one - other)
    return ms[Math.floor(ms.length * 0.99)] ?? 0
  }
}

async function pulled({ url }: RegistryUnderLoad, store: LayeredStore, seconds: number): Promise<PacedReport> {
  const accept = MANIFEST_TYPE
  const manifests = new PacedRequests({ url, accept, kinds: { manifest: store.manifests }, everyMs: MANIFEST_EVERY_MS })
  const layers = new PacedRequests({ url, accept, kinds: { layer: store.blobs }, everyMs: LAYER_EVERY_MS })
  await Bun.sleep(seconds * 1000)
  const [manifest, layer] = await Promise.all([manifests.stop(), layers.stop()])
  return { ...manifest, ...layer }
}

async function allRead(path: string, store: LayeredStore) {
  using database = new Database(path, { readonly: true })
  const [startedMs, before] = [performance.now(), readLayers(path)]
  const isUnread = database.query<object, []>('SELECT 1 FROM image_inside WHERE state > 0 LIMIT 1')
  let seconds = 0
  while (isUnread.get() !== null) {
    if (performance.now() - startedMs > PATIENCE_MS) throw new Error('the reading did not end')
    if (readLayers(path) < store.layers) seconds = (performance.now() - startedMs) / 1000
    await Bun.sleep(200)
  }
  return { layers: readLayers(path) - before, seconds: Math.max(seconds, 0.2) }
}

function readLayers(path: string): number {
  using database = new Database(path, { readonly: true })
  return database.query<{ count: number }, []>('SELECT count(*) AS count FROM layer_inside').get()?.count ?? 0
}

/** Milliseconds, the shortest first. */
async function searched({ url }: RegistryUnderLoad): Promise<readonly number[]> {
  const took: number[] = []
  for (let search = 0; search < SEARCHES; search += 1) {
    const startedMs = performance.now()
    const response = await fetch(`${url}/api/v1/packages?name=libbench-1&n=100`)
    const { total } = (await response.json()) as { total: number }
    if (total === 0) throw new Error('the search found nothing')
    took.push(performance.now() - startedMs)
  }
  return took.toSorted((a, b) => a - b)
}
