import { join } from 'node:path'
import type { Bench, Figure, Lab, Sample } from '../bench.ts'
import { runRequests } from '../load/requests.ts'
import type { RegistryUnderLoad } from '../registry.ts'
import { LayoutStore, MANIFEST_TYPE, manifestText, tagName } from '../stores/layout-store.ts'

const SECONDS = 3
const WARM_UP_SAMPLES = 3
const TAGS = 1000
const CONNECTIONS = 16
const REPOSITORY = 'bench/manifests'
const TARGETS = Array.from({ length: TAGS }, (_, number) => {
  return { path: `/v2/${REPOSITORY}/manifests/${tagName(number)}`, body: manifestText(REPOSITORY, number) }
})

/** Manifests by 1,000 tags in turn, 16 connections. */
export const manifests: Bench = {
  name: 'manifests',
  title: 'Manifest GET and HEAD by tag, 16 connections',
  figures: [...figuresFor('GET', 25), ...figuresFor('HEAD', 25)],
  fill: async ({ data }) => new LayoutStore(data).writeRepository(REPOSITORY, TAGS, 1),
  prepare: async (registry) => {
    await warmUp(registry, { method: 'GET' })
    await warmUp(registry, { method: 'HEAD' })
  },
  sample: async (registry) => ({
    ...(await sampleOf(registry, { method: 'GET' })),
    ...(await sampleOf(registry, { method: 'HEAD' })),
  }),
}

/** The same with a password that the server checks by bcrypt. */
export function manifestsWithPassword(cost: number, ratio: number): Bench {
  return {
    name: `htpasswd-${cost}`,
    title: `Manifest GET by tag with htpasswd (bcrypt cost ${cost}), 16 connections`,
    figures: figuresFor('GET', ratio),
    security: async (lab) => ({ htpasswd: await writeUsers(lab, cost) }),
    fill: async ({ data }) => new LayoutStore(data).writeRepository(REPOSITORY, TAGS, 1),
    prepare: async (registry) => await warmUp(registry, { method: 'GET', headers: { Authorization: BASIC } }),
    sample: async (registry) => await sampleOf(registry, { method: 'GET', headers: { Authorization: BASIC } }),
  }
}

/** Programs that compile themselves while they run are measured as they are after some 100,000 requests: after seconds, in use. */
async function warmUp(registry: RegistryUnderLoad, work: Work): Promise<void> {
  for (let sample = 0; sample < WARM_UP_SAMPLES; sample += 1) await sampleOf(registry, work)
}

const [USER, PASSWORD] = ['bench', 'a long password']
const BASIC = `Basic ${btoa(`${USER}:${PASSWORD}`)}`

interface Work {
  readonly method: 'GET' | 'HEAD'
  readonly headers?: Readonly<Record<string, string>>
}

async function sampleOf(registry: RegistryUnderLoad, { method, headers = {} }: Work): Promise<Sample> {
  const before = registry.cpuSeconds()
  const result = await runRequests({
    url: registry.url,
    method,
    targets: TARGETS,
    connections: CONNECTIONS,
    seconds: SECONDS,
    headers: { ...headers, Accept: MANIFEST_TYPE },
  })
  const key = method.toLowerCase()
  const perThousand = 1000 / result.requests
  return {
    [`${key}-rate`]: result.requestsPerSecond,
    [`${key}-p99`]: result.p99Ms,
    [`${key}-cpu`]: (registry.cpuSeconds() - before) * perThousand * 1000,
    [`${key}-load`]: result.cpuSeconds * perThousand * 1000,
  }
}

function figuresFor(method: 'GET' | 'HEAD', ratio: number): Figure[] {
  const key = method.toLowerCase()
  return [
    { key: `${key}-rate`, title: method, unit: '1/s', better: 'more', ratio },
    { key: `${key}-p99`, title: `${method}: p99`, unit: 'ms', better: 'less' },
    { key: `${key}-cpu`, title: `${method}: CPU`, unit: 'ms/1,000', better: 'less' },
    { key: `${key}-load`, title: `${method}: CPU of the generator`, unit: 'ms/1,000', better: 'less' },
  ]
}

async function writeUsers({ folder }: Lab, cost: number): Promise<string> {
  const path = join(folder, 'users')
  const hash = await Bun.password.hash(PASSWORD, { algorithm: 'bcrypt', cost })
  await Bun.write(path, `${USER}:${hash.replace(/^\$2b\$/, '$2y$')}\n`)
  return path
}
