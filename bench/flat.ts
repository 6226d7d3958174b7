import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { startClients } from './cases/image-push.ts'
import { atEnd } from './leftovers.ts'
import { runWrk } from './load/wrk.ts'
import { RegistryUnderLoad } from './registry.ts'
import { LayoutStore, MANIFEST_TYPE, tagName } from './stores/layout-store.ts'

/** Whether the same work costs the same, however much the store holds. */

export interface FlatOptions {
  /** Manifests in the stores that are compared, in ascending order. */
  readonly sizes: readonly number[]
  readonly rounds: number
  /** Asked after each round with all that was measured until then: true ends the measurement before the last one. */
  readonly isEnough?: (measurements: readonly FlatMeasurement[], rounds: number) => boolean
  /** Of one kind of request in one round. */
  readonly seconds: number
  readonly directory: string
  readonly say: (text: string) => void
}

/** One value for one size in one round. */
export interface FlatMeasurement {
  readonly figure: string
  readonly manifests: number
  readonly value: number
}

export interface FlatFigure {
  readonly key: string
  readonly title: string
  /** The same work: within 1.3 times of the smallest store. */
  readonly isSame: boolean
}

export const FLAT_FIGURES: readonly FlatFigure[] = [
  { key: 'get-rate', title: 'manifest GET by tag, 1/s', isSame: true },
  { key: 'get-cpu', title: 'manifest GET by tag, CPU ms/1,000', isSame: true },
  { key: 'page-rate', title: 'page of 10 tags, 1/s', isSame: true },
  { key: 'page-cpu', title: 'page of 10 tags, CPU ms/1,000', isSame: true },
  { key: 'images-rate', title: 'images of 8 small layers, 4 clients, 1/s', isSame: true },
  { key: 'images-cpu', title: 'image of 8 small layers, CPU ms', isSame: true },
  { key: 'scan-rate', title: 'first scan, manifests/s', isSame: false },
  { key: 'start', title: 'start to first manifest by tag, s', isSame: false },
  { key: 'memory', title: 'memory of the largest process, MB', isSame: false },
]

const PER_REPOSITORY = 1000
const PER_TAG = 10
const TAGS_ASKED = 1000

/** Stores of all sizes are served side by side, and each has its turn in each round. */
export async function runFlat(options: FlatOptions): Promise<FlatMeasurement[]> {
  const folder = await mkdtemp(join(options.directory, 'berth-flat-'))
  const isGone = atEnd(() => rm(folder, { recursive: true, force: true }))
  const registries: { readonly manifests: number; readonly registry: RegistryUnderLoad }[] = []
  const measurements: FlatMeasurement[] = []
  const note = (manifests: number, values: Readonly<Record<string, number>>) => {
    options.say(
      `  ${manifests}: ${Object.entries(values)
        .map(([key, value]) => `${key} ${Number(value.toPrecision(3))}`)
        .join(', ')}`,
    )
    for (const [figure, value] of Object.entries(values)) measurements.push({ figure, manifests, value })
  }
  try {
    for (const manifests of options.sizes) {
      const registry = new RegistryUnderLoad({ contestant: 'berth', folder: join(folder, String(manifests)) })
      registries.push({ manifests, registry })
      fill(registry.data, manifests)
      note(manifests, await startUp(registry, manifests))
    }
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const { manifests, registry } of registries)
        note(manifests, await sampleOf({ registry, folder, seconds: options.seconds }, manifests))
      if (options.isEnough?.(measurements, round) === true) break
    }
    return measurements
  } finally {
    for (const { registry } of registries) await registry.stop()
    await rm(folder, { recursive: true, force: true })
    isGone()
  }
}

function fill(data: string, manifests: number): void {
  const store = new LayoutStore(data)
  for (let left = manifests, number = 0; left > 0; left -= PER_REPOSITORY, number += 1) {
    store.writeRepository(repositoryName(number), Math.min(left, PER_REPOSITORY), PER_TAG)
  }
}

/** The first start scans; the second finds everything known. */
async function startUp(registry: RegistryUnderLoad, manifests: number) {
  const startedAt = performance.now()
  await registry.start()
  await registry.scanned()
  const scanSeconds = (performance.now() - startedAt) / 1000
  await registry.stop()
  const start = await registry.start(`/v2/${repositoryName(0)}/manifests/${tagName(0)}`)
  await registry.scanned()
  // Below, the start of the program is most of it.
  const rate = manifests < 10_000 ? {} : { 'scan-rate': manifests / scanSeconds }
  return { ...rate, start, memory: registry.residentBytes().now / 1e6 }
}

interface Sampling {
  readonly registry: RegistryUnderLoad
  readonly folder: string
  readonly seconds: number
}

async function sampleOf(sampling: Sampling, manifests: number) {
  const gets = await requests(
    sampling,
    pathsOf(manifests, (repository, tag) => `/v2/${repository}/manifests/${tag}`),
  )
  const pages = await requests(
    sampling,
    pathsOf(manifests, (repository) => `/v2/${repository}/tags/list?n=10`),
  )
  const images = await pushes(sampling)
  return {
    'get-rate': gets.rate,
    'get-cpu': gets.cpuMs * 1000,
    'page-rate': pages.rate,
    'page-cpu': pages.cpuMs * 1000,
    'images-rate': images.rate,
    'images-cpu': images.cpuMs,
  }
}

async function requests({ registry, folder, seconds }: Sampling, paths: readonly string[]) {
  const before = registry.cpuSeconds()
  const load = { url: registry.url, paths, connections: 16, seconds, headers: { Accept: MANIFEST_TYPE } }
  const { requestsPerSecond, requests: count } = await runWrk(load, folder)
  return { rate: requestsPerSecond, cpuMs: ((registry.cpuSeconds() - before) / count) * 1000 }
}

async function pushes({ registry, seconds }: Sampling) {
  const run = crypto.randomUUID().slice(0, 8)
  const load = { url: registry.url, clients: 4, layers: 8, layerBytes: 4096, seconds, images: 1000, run }
  const clients = await startClients(load)
  const before = registry.cpuSeconds()
  const report = await clients.run()
  const { images } = report
  return { rate: images / report.seconds, cpuMs: ((registry.cpuSeconds() - before) / images) * 1000 }
}

/** Spread over the whole store. */
function pathsOf(manifests: number, path: (repository: string, tag: string) => string): string[] {
  const tags = Math.ceil(manifests / PER_TAG)
  return Array.from({ length: Math.min(tags, TAGS_ASKED) }, (_, number) => {
    const position = Math.floor((number * tags) / Math.min(tags, TAGS_ASKED)) * PER_TAG
    const tag = tagName((position % PER_REPOSITORY) / PER_TAG)
    return path(repositoryName(Math.floor(position / PER_REPOSITORY)), tag)
  })
}

function repositoryName(number: number): string {
  return `flat/r${String(number).padStart(4, '0')}`
}
