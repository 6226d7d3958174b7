import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { TestBrowser } from '../../test/support/browser.ts'
import { makeImage } from '../../test/support/images.ts'
import { RegistryClient } from '../../test/support/registry-client.ts'
import type { Bench, Figure, Lab, Sample } from '../bench.ts'
import { atEnd } from '../leftovers.ts'
import { runRequests } from '../load/requests.ts'
import { runWrk } from '../load/wrk.ts'
import type { Contestant, RegistryUnderLoad } from '../registry.ts'
import { namesOf } from '../stores/filled-images.ts'
import { type FilledRegistry, fillRegistry } from '../stores/filled-registry.ts'
import { MANIFEST_TYPE, tagName } from '../stores/layout-store.ts'
import { writeZotStore } from '../stores/zot-store.ts'
import { expectAnswers, pageQuestions, type Questions, searchQuestions, ZOT_SEARCH } from './zot-questions.ts'

/** Some hundred requests: with fewer, the slowest of all would be their p99. */
const SECONDS = 10
/** Between two requests of the one client that looks. */
const PAUSE_MS = 5
const PULLERS = 16
const PULLED = 'bench/pulled'
const PATHS = 500
const IMAGES = 20
const LIMIT_MS = 50
const API = '/api/v1'
/** With more repositories than this zot does not take part. */
const MOST_OF_ZOT = 10_000

/** One page of the API: its title and its addresses, spread over all repositories. */
type Looks = Readonly<Record<string, readonly [title: string, paths: readonly string[]]>>

/** What both benches of a run look at: it takes minutes to be made. */
let filled: Promise<SharedRegistry> | undefined
/** The same for zot. */
let zotStore: Promise<SharedZotStore> | undefined

interface SharedZotStore {
  readonly folder: string
  /** Its section of that name. */
  readonly storage: string
}

interface SharedRegistry extends FilledRegistry {
  readonly data: string
  readonly folder: string
}

/** The pages of the API on so many repositories, with ten times as many tags, while 16 clients pull manifests. */
export function page(repositories: number): Bench {
  return {
    ...filledBench(repositories),
    name: 'page',
    title: `The API and the page on ${count(repositories)} repositories with ${count(repositories * 10)} tags, while ${PULLERS} clients pull manifests`,
    figures: [
      ...Object.entries(looksAt(namesFor(repositories), `large/app`)).map(([key, [title]]) => p99(key, title)),
      { key: 'first-screen', title: 'first screen in Chromium', unit: 'ms', better: 'less', limit: 1_000 },
      { key: 'page-requests', title: 'requests of a repository page', unit: '', better: 'less', limit: 3 },
      { key: 'page-bytes', title: 'script and style, compressed', unit: 'KB', better: 'less', limit: 30 },
    ],
    sections: async (_, contestant) => (contestant === 'zot' ? ZOT_SEARCH : ''),
    sample: async (registry, lab) => {
      if (registry.contestant === 'zot') {
        const { names, large } = namesOf(repositories)
        return await zotLooked(registry, lab, pageQuestions(spread(names), large.name))
      }
      const { names, large } = await sharedRegistry(lab, repositories)
      return { ...(await looked(registry, lab, looksAt(names, large.name))), ...(await inBrowser(registry, names)) }
    },
  }
}

/** Searches on as many, for callers who may see all and for one who may see few. */
export function search(repositories: number): Bench {
  const words = SEARCHES.map(([key, title, q]) => [key, title, q] as const)
  return {
    ...filledBench(repositories),
    name: 'search',
    title: `Searching ${count(repositories)} repositories, while ${PULLERS} clients pull manifests`,
    figures: words.flatMap(([key, title]) => [
      p99(key, title),
      ...Object.entries(CALLERS).map(([caller, who]) => p99(`${caller}-${key}`, `${title}, by a caller who may see ${who}`)),
    ]),
    sections: async (_, contestant) => (contestant === 'zot' ? ZOT_SEARCH : ACCESS),
    security: async ({ folder }) => ({ htpasswd: await writeUsers(folder) }),
    sample: async (registry, lab) => {
      // Everybody may see everything in it.
      if (registry.contestant === 'zot') return await zotLooked(registry, lab, searchQuestions(SEARCHES))
      const looks = Object.fromEntries(words.map(([key, title, q]) => [key, [title, [`/v1/search?q=${q}`]]] as const)) as Looks
      const sample = await looked(registry, lab, looks)
      for (const caller of Object.keys(CALLERS)) {
        const own = Object.fromEntries(Object.entries(looks).map(([key, look]) => [`${caller}-${key}`, look]))
        const headers = { Authorization: `Basic ${btoa(`${caller}:${PASSWORD}`)}` }
        Object.assign(sample, await looked(registry, lab, own, headers))
      }
      return sample
    },
  }
}

const SEARCHES = [
  ['name', 'a whole name', 'team-7/payment-750'],
  ['word', 'a word that 4 % have', 'payment'],
  ['all', 'a word that all have', 'service'],
  ['two', 'two letters that many have', 'pa'],
  ['rare', 'two letters that few have', '9f'],
  ['none', 'two letters that none has', 'qz'],
  ['one', 'one letter', 'z'],
  ['words', 'three words', 'team-9+mail+service'],
  ['common', 'two words of two letters that many have', 'or+ch'],
] as const
/** What callers may see, by their names. */
const CALLERS = { few: '100', ends: '2 %, by rules about the ends of names' } as const
const PASSWORD = 'a long password'
const ACCESS = `access:
  rules:
    - {who: ['user:few'], repositories: ['team-7/**'], can: [pull, list]}
    - {who: ['user:ends'], repositories: ['**/mail-*9', '*/payment-750'], can: [pull, list]}
    - {who: [anonymous], repositories: ['**'], can: [pull, push, list]}
`

/** Berth's contestants serve one directory, as processes of one registry may. */
function filledBench(repositories: number) {
  const others: readonly Contestant[] = repositories > MOST_OF_ZOT ? [] : ['zot']
  return {
    takesLong: true,
    contestants: [...others, 'berth', 'berth-1'],
    storage: async (lab, contestant) => (contestant === 'zot' ? (await sharedZotStore(lab, repositories)).storage : undefined),
    fill: async ({ contestant, data }, lab) => {
      if (contestant === 'zot') return
      const shared = await sharedRegistry(lab, repositories)
      await mkdir(dirname(data), { recursive: true })
      await symlink(shared.data, data)
    },
    prepare: async ({ url }) => await pushPulled(url),
    finish: async () => {
      if (zotStore !== undefined) await rm((await zotStore).folder, { recursive: true, force: true })
      zotStore = undefined
      const shared = await filled
      if (shared === undefined) return
      await shared.end()
      await rm(shared.folder, { recursive: true, force: true })
      filled = undefined
    },
  } satisfies Partial<Bench>
}

async function sharedRegistry({ folder: own }: Lab, repositories: number): Promise<SharedRegistry> {
  filled ??= (async () => {
    const folder = await mkdtemp(join(dirname(own), 'berth-bench-filled-'))
    atEnd(() => rm(folder, { recursive: true, force: true }))
    const data = join(folder, 'data')
    return { ...(await fillRegistry(data, repositories)), data, folder }
  })()
  return await filled
}

async function sharedZotStore({ folder: own }: Lab, repositories: number): Promise<SharedZotStore> {
  zotStore ??= (async () => {
    const folder = await mkdtemp(join(dirname(own), 'berth-bench-zot-'))
    atEnd(() => rm(folder, { recursive: true, force: true }))
    return { folder, storage: writeZotStore(folder, repositories) }
  })()
  return await zotStore
}

function namesFor(repositories: number): readonly string[] {
  return Array.from({ length: repositories }, (_, number) => String(number))
}

function looksAt(names: readonly string[], large: string): Looks {
  const some = spread(names)
  const of = (rest: string) => some.map((name) => `${API}/repositories/${name}${rest}`)
  return {
    list: ['repositories by name', some.map((name) => `${API}/repositories?n=100&after=${name}`)],
    found: ['repositories by a search', [`${API}/repositories?q=payment&n=100`]],
    repository: ['a repository', of('')],
    tags: ['its tags by name', of('/tags')],
    versions: ['its tags by version', of('/tags?sort=version')],
    image: ['an image', of(`/image?tag=${tagName(0)}`)],
    compare: ['two images', of(`/compare?from=${tagName(0)}&to=${tagName(1)}`)],
    storage: ['bytes of a repository', of('/storage')],
    'tag-storage': ['bytes of 20 tags', of('/storage?n=20')],
    activity: ['the activity', [`${API}/activity?n=100`]],
    large: [`tags of a large repository by name`, [`${API}/repositories/${large}/tags?after=${tagName(500)}`]],
    'large-sorted': [`the same by size`, [`${API}/repositories/${large}/tags?sort=size`]],
    screen: ['the screen of all repositories', ['/']],
  }
}

/** So many of them, from the first to the last. */
function spread(names: readonly string[]): readonly string[] {
  return Array.from({ length: PATHS }, (_, number) => names[Math.floor((number * names.length) / PATHS)] ?? '')
}

async function zotLooked(registry: RegistryUnderLoad, lab: Lab, questions: Questions): Promise<Sample> {
  await expectAnswers(registry.url, questions)
  const looks = Object.entries(questions).map(([key, paths]) => [key, [key, paths] as const] as const)
  return await looked(registry, lab, Object.fromEntries(looks))
}

/** One client looks at one thing after another while others pull. */
async function looked(
  registry: RegistryUnderLoad,
  lab: Lab,
  looks: Looks,
  headers: Readonly<Record<string, string>> = {},
): Promise<Sample> {
  const sample: Record<string, number> = {}
  for (const [key, [, paths]] of Object.entries(looks)) {
    const pulls = runRequests({
      ...{ url: registry.url, method: 'GET', targets: TARGETS, connections: PULLERS, seconds: SECONDS + 1 },
      headers: { Accept: MANIFEST_TYPE },
    })
    const asked = { ...headers, Accept: key === 'screen' ? 'text/html' : 'application/json' }
    const options = { url: registry.url, paths, connections: 1, seconds: SECONDS, pauseMs: PAUSE_MS, headers: asked }
    const [{ p99Ms }] = await Promise.all([runWrk(options, lab.folder), pulls])
    sample[key] = p99Ms
  }
  return sample
}

const PUSHED = Array.from({ length: IMAGES }, (_, number) => makeImage(`pulled ${number}`))
const TARGETS = PUSHED.map(({ manifest }, number) => ({
  path: `/v2/${PULLED}/manifests/${tagName(number)}`,
  body: new TextDecoder().decode(manifest.bytes),
}))

async function pushPulled(url: string): Promise<void> {
  const client = new RegistryClient(url)
  for (const [number, image] of PUSHED.entries()) {
    for (const blob of [image.config, ...image.layers]) await client.pushBlob(PULLED, blob)
    const pushed = await client.putManifest(PULLED, tagName(number), image.manifest)
    if (pushed.status !== 201) throw new Error(`a manifest was answered with ${pushed.status}`)
  }
}

/** The first screen with nothing in the cache of the browser; a repository as the second one. */
async function inBrowser(registry: RegistryUnderLoad, names: readonly string[]): Promise<Sample> {
  await using browser = await TestBrowser.start()
  const { page: first } = await browser.open(registry.url)
  await first.goto('/', { waitUntil: 'load' })
  const times = await first.evaluate<number[]>("performance.getEntriesByType('navigation').map((entry) => entry.duration)")
  const { page: second } = await browser.open(registry.url)
  const assets: string[] = []
  second.on('request', (request) => assets.push(new URL(request.url()).pathname))
  await second.goto('/', { waitUntil: 'networkidle' })
  await second.goto(`/ui/${names[1]}`, { waitUntil: 'networkidle' })
  // What comes out of the browser's cache has moved no byte.
  const more = await second.evaluate<number>(
    "performance.getEntriesByType('resource').filter((entry) => entry.transferSize > 0).length",
  )
  const paths = [...new Set(assets)].filter((path) => /\.(?:js|css)$/.test(path))
  const sizes = await Promise.all(paths.map(async (path) => await compressedBytes(registry.url + path)))
  return {
    'first-screen': Math.max(...times),
    'page-requests': 1 + more,
    'page-bytes': sizes.reduce((sum, size) => sum + size, 0) / 1000,
  }
}

async function compressedBytes(url: string): Promise<number> {
  return Bun.gzipSync(Buffer.from(await (await fetch(url)).arrayBuffer())).length
}

function p99(key: string, title: string): Figure {
  return { key, title: `${title}: p99`, unit: 'ms', better: 'less', limit: LIMIT_MS }
}

function count(number: number): string {
  return number.toLocaleString('en-US')
}

async function writeUsers(folder: string): Promise<string> {
  const path = `${folder}/users`
  const hash = (await Bun.password.hash(PASSWORD, { algorithm: 'bcrypt', cost: 5 })).replace(/^\$2b\$/, '$2y$')
  const lines = Object.keys(CALLERS).map((caller) => `${caller}:${hash}\n`)
  await Bun.write(path, lines.join(''))
  return path
}
