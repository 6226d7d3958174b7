import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startBerth } from './berth-process.ts'
import { BERTH_PROGRAM } from './berth-program.ts'
import { NginxBalancer } from './nginx-balancer.ts'
import { startPeer, startPeer3 } from './peer.ts'
import { takePostgres } from './postgres-server.ts'
import { Replicas } from './replicas.ts'
import { ObjectStore } from './store-server.ts'
import { TemporaryFolder } from './temporary-folder.ts'

/** The registries that are asked the same. Berth has two servers: one for directories, one for buckets. */
const STARTS = {
  'registry:2': async (folder: TemporaryFolder) => await startPeer({ folder, dataDirectory: folder.join('two') }),
  'registry:3': async (folder: TemporaryFolder) => await startPeer3({ folder, dataDirectory: folder.join('three') }),
  Berth: async (folder: TemporaryFolder) => await startBerth({ folder, dataDirectory: folder.join('berth') }),
  'Berth on a bucket': startOnBucket,
  'three Berths behind nginx': startReplicas,
} as const
export type PeerName = keyof typeof STARTS

/** What a registry did, fact by fact: `status`, `code`, a header. A fact that it did not show is left out. */
export type Facts = Readonly<Record<string, string>>

/** Starts registries, empty, and ends them. */
export class Peers implements AsyncDisposable {
  readonly #urls: ReadonlyMap<PeerName, string>
  readonly #resources: AsyncDisposableStack

  private constructor(urls: ReadonlyMap<PeerName, string>, resources: AsyncDisposableStack) {
    this.#urls = urls
    this.#resources = resources
  }

  static async start(names: readonly PeerName[]): Promise<Peers> {
    await using starting = new AsyncDisposableStack()
    const folder = starting.use(new TemporaryFolder())
    const urls = new Map<PeerName, string>()
    for (const name of names) urls.set(name, starting.use(await STARTS[name](folder)).url)
    return new Peers(urls, starting.move())
  }

  /** The same to each, side by side. */
  async each<Result>(ask: (url: string) => Promise<Result>): Promise<Readonly<Partial<Record<PeerName, Result>>>> {
    const results = await Promise.all([...this.#urls].map(async ([name, url]) => [name, await ask(url)] as const))
    return Object.fromEntries(results) as Partial<Record<PeerName, Result>>
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]()
  }
}

async function startOnBucket(folder: TemporaryFolder) {
  const resources = new AsyncDisposableStack()
  const store = resources.use(await ObjectStore.start('versitygw'))
  const { url } = resources.use(await startBerth({ folder, dataDirectory: await store.newBucket() }))
  return { url, [Symbol.asyncDispose]: async () => await resources.disposeAsync() }
}

/** Over PostgreSQL: each request goes to the next one. */
async function startReplicas() {
  await using starting = new AsyncDisposableStack()
  const store = starting.use(await ObjectStore.start('versitygw'))
  const { server } = starting.use(await takePostgres())
  const place = { bucket: await store.newBucket(), server, balancer: NginxBalancer.start, berth: BERTH_PROGRAM }
  const { url } = starting.use(await Replicas.start(3, place))
  const resources = starting.move()
  return { url, [Symbol.asyncDispose]: async () => await resources.disposeAsync() }
}

/**
 * The line of docs/peer-differences.md for one case, or undefined when all did the same: the case, and what each did, of which only
 * the facts are named that are not the same everywhere.
 */
export function differenceLine(title: string, outcomes: Readonly<Partial<Record<PeerName, Facts>>>): string | undefined {
  const { 'registry:2': two = {}, 'registry:3': three = {}, Berth: berth = {} } = outcomes
  const all = [two, three, berth]
  const facts = [...new Set(all.flatMap((one) => Object.keys(one)))]
  const different = facts.filter((fact) => two[fact] !== berth[fact] || three[fact] !== berth[fact])
  if (different.length === 0) return undefined
  return [title, ...all.map((one) => shown(one, different))].map(asCell).join(' | ')
}

/** Where the status is another one, everything else follows from it. */
function shown(facts: Facts, different: readonly string[]): string {
  const { status = '', code } = facts
  if (different.includes('status')) return code === undefined ? status : `${status} ${code}`
  return different.map((name) => (name === 'code' ? (code ?? 'no code') : `${name}: ${facts[name] ?? 'none'}`)).join(', ')
}

/** How a text stands in the page's tables. */
export function asCell(text: string): string {
  return text.replaceAll('|', '\\|')
}

const PAGE = join(import.meta.dir, '../../docs/peer-differences.md')

/** The differences that the page lists below a heading, each with a reason; a row may name several cases. */
export function listedDifferences(heading: string): readonly string[] {
  const sections = readFileSync(PAGE, 'utf8').split(/^## /m)
  const rows = sections.find((text) => text.startsWith(`${heading}\n`))?.match(/^\| `.* \|$/gm) ?? []
  return rows.flatMap((row) => {
    const [cases = '', two, three, berth, because = ''] = row.slice(2, -2).split(/(?<!\\) \| /)
    if (because === '') throw new Error(`A difference has no reason: ${row}`)
    return cases.split('<br>').map((title) => [title.slice(1, -1), two, three, berth].join(' | '))
  })
}
