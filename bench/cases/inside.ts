import { Database } from 'bun:sqlite'
import { join } from 'node:path'
import { insideBytes } from '../../test/support/inside-bytes.ts'
import type { Bench, Figure, Sample } from '../bench.ts'
import { PacedRequests } from '../load/paced.ts'
import type { RegistryUnderLoad } from '../registry.ts'
import { LAYERS_OF_IMAGE, type LayeredStore, writeLayeredStore } from '../stores/layered-store.ts'
import { MANIFEST_TYPE } from '../stores/layout-store.ts'

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
  { key: 'manifest-after', title: 'manifest GET: p99 when all are read', unit: 'ms', better: 'less' },
  {
    key: 'manifest-times',
    title: 'manifest GET: p99 meanwhile by that when all are read',
    unit: '×',
    better: 'less',
    limit: 1.1,
  },
  { key: 'layer-during', title: 'layer GET: p99 while layers are read', unit: 'ms', better: 'less' },
  { key: 'layer-after', title: 'layer GET: p99 when all are read', unit: 'ms', better: 'less' },
  { key: 'layer-times', title: 'layer GET: p99 meanwhile by that when all are read', unit: '×', better: 'less', limit: 1.1 },
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
  using database = new Database(path, { readonly: true })
  const bytesOfLayer = store.storedBytes / store.layers
  await pulled(registry, store, WARM_SECONDS)
  const before = readLayers(database)
  const during = await pulled(registry, store, MEASURED_SECONDS)
  const meanwhile = readLayers(database) - before
  if (readLayers(database) >= store.layers) throw new Error('all was read before it was measured; say more --images')
  const idle = await allRead(database, store)
  // A program that has run for so much longer answers more quickly, whatever else it does.
  await registry.stop()
  await registry.start()
  await registry.scanned()
  await pulled(registry, store, WARM_SECONDS)
  const after = await pulled(registry, store, MEASURED_SECONDS)
  const searches = await searched(registry)
  return {
    ...{
      'manifest-during': during.manifest,
      'manifest-after': after.manifest,
      'manifest-times': during.manifest / after.manifest,
    },
    ...{ 'layer-during': during.layer, 'layer-after': after.layer, 'layer-times': during.layer / after.layer },
    'read-serving': (meanwhile * bytesOfLayer) / 1e6 / MEASURED_SECONDS,
    ...(idle.layers < LEAST_LAYERS ? {} : { 'read-idle': (idle.layers * bytesOfLayer) / 1e6 / idle.seconds }),
    kept: (100 * insideBytes(path).bytes) / store.storedBytes,
    search: searches[Math.floor(SEARCHES / 2)] ?? 0,
    'search-longest': searches.at(-1) ?? 0,
  }
}

/** The p99 in milliseconds. */
async function pulled({ url }: RegistryUnderLoad, store: LayeredStore, seconds: number) {
  const accept = MANIFEST_TYPE
  const manifests = new PacedRequests({ url, accept, kinds: { manifest: store.manifests }, everyMs: MANIFEST_EVERY_MS })
  const layers = new PacedRequests({ url, accept, kinds: { layer: store.blobs }, everyMs: LAYER_EVERY_MS })
  await Bun.sleep(seconds * 1000)
  const [manifest, layer] = await Promise.all([manifests.stop(), layers.stop()])
  return { manifest: manifest.manifest?.p99Ms ?? 0, layer: layer.layer?.p99Ms ?? 0 }
}

async function allRead(database: Database, store: LayeredStore) {
  const [startedMs, before] = [performance.now(), readLayers(database)]
  const isUnread = database.query<object, []>('SELECT 1 FROM image_inside WHERE state > 0 LIMIT 1')
  let seconds = 0
  while (isUnread.get() !== null) {
    if (performance.now() - startedMs > PATIENCE_MS) throw new Error('the reading did not end')
    if (readLayers(database) < store.layers) seconds = (performance.now() - startedMs) / 1000
    await Bun.sleep(200)
  }
  return { layers: readLayers(database) - before, seconds: Math.max(seconds, 0.2) }
}

function readLayers(database: Database): number {
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
