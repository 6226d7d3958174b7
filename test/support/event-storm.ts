import { type BerthOptions, type BerthProcess, startBerth } from './berth-process.ts'
import { BERTH_PROGRAM, FAST_BERTH } from './berth-program.ts'
import { EventReceiver, type ReceivedEvent } from './event-receiver.ts'
import { freePort } from './free-port.ts'
import { type Content, contentOf, jsonContent } from './images.ts'
import { environmentIn, poll, runToSuccess } from './processes.ts'
import { expectStatus, RegistryClient } from './registry-client.ts'
import { peakMibOf } from './resident-memory.ts'
import type { TemporaryFolder } from './temporary-folder.ts'
import { WebhookReceiver } from './webhook-receiver.ts'

const CLIENTS = 4
const KILL_EVERY_MS = 1_000
/** Between two kills: on a busy machine a start takes longer than the pause. */
const LEAST_PUSHES = 20
const DELIVERED_WITHIN_MS = 120_000
const MEDIA_TYPE = 'application/vnd.oci.image.manifest.v1+json'
const CONFIG = contentOf('application/vnd.oci.image.config.v1+json', new TextEncoder().encode('{}'))

export interface StormOptions extends Pick<BerthOptions, 'dataDirectory' | 'berth' | 'variables'> {
  readonly folder: TemporaryFolder
  /** How many pushes are to be acknowledged. */
  readonly pushes: number
  /** Processes that serve the storage; one of them is killed each second, in turn. */
  readonly processes: number
}

export interface StormFigures {
  readonly pushes: number
  readonly kills: number
  /** Events that the receivers had more than once. */
  readonly repeats: { readonly endpoint: number; readonly webhook: number }
  readonly seconds: number
  readonly peakMib: number
}

/**
 * Clients push manifests while `kill -9` ends a process each second, one endpoint answers 500, one never, and one is away. Then it waits until an endpoint
 * and a webhook that are well have the event of each push that was acknowledged, and then those that are well again. Throws when one of them has not, or
 * has them in another order.
 */
export async function eventStorm(options: StormOptions): Promise<StormFigures> {
  using endpoint = new EventReceiver()
  using failing = new EventReceiver('answers 500')
  using silent = new EventReceiver('never answers')
  using webhook = new WebhookReceiver()
  const urls = { well: endpoint.url, failing: failing.url, silent: silent.url, away: `http://127.0.0.1:${await freePort()}/` }
  const moreConfig = `${sectionOf(urls)}events: {webhooks: {loopback: true}}\n`
  const start = async () => await startBerth({ berth: FAST_BERTH, ...options, moreConfig, expectsFaults: true })
  const running = new Servers(start, options.processes)
  const startedAt = performance.now()
  try {
    await running.fill()
    await addWebhook(options.folder, running.any().config, webhook.url)
    const clients = Array.from({ length: CLIENTS }, (_, index) => new PushingClient(`client-${index}`, running))
    let isOver = false
    const pushing = clients.map((client) => client.push(Math.ceil(options.pushes / CLIENTS)))
    const over = Promise.all(pushing).finally(() => {
      isOver = true
    })
    const pushed = () => clients.reduce((sum, client) => sum + client.acknowledged.length, 0)
    const leastPushes = Math.min(LEAST_PUSHES, options.pushes / 15)
    const killing = running.killEach({ everyMs: KILL_EVERY_MS, leastPushes, pushed, isOver: () => isOver })
    await Promise.all([over, killing])

    const acknowledged = clients.flatMap((client) => client.acknowledged)
    const wanted = new Set(acknowledged)
    const hasAll = (digests: readonly string[]) => new Set(digests).isSupersetOf(wanted) || undefined
    await endpoint.until('the endpoint has all', ({ events }) => hasAll(digestsOf(events)), DELIVERED_WITHIN_MS)
    await webhook.until(
      'the webhook has all',
      (receiver) => hasAll(hooked(receiver).map(({ digest }) => digest)),
      DELIVERED_WITHIN_MS,
    )
    const repeats = { endpoint: repeatsIn(clients, pushesIn(endpoint)), webhook: repeatsIn(clients, hooked(webhook)) }
    // What waited for those that were not well has waited in its order.
    for (const late of [failing, silent]) {
      if (late.asked === 0) throw new Error('a receiver that is not well was never asked')
      late.reception = 'takes it'
    }
    for (const late of [failing, silent]) {
      await late.until('the late one has all', ({ events }) => hasAll(digestsOf(events)), DELIVERED_WITHIN_MS)
      repeatsIn(clients, pushesIn(late))
    }
    const peakMib = await running.peakMib()
    return {
      pushes: acknowledged.length,
      kills: running.kills,
      repeats,
      seconds: (performance.now() - startedAt) / 1000,
      peakMib,
    }
  } finally {
    await running.stop()
  }
}

interface Killing {
  readonly everyMs: number
  /** How many are acknowledged between two kills, at least. */
  readonly leastPushes: number
  readonly pushed: () => number
  readonly isOver: () => boolean
}

/** A few processes on one storage. */
class Servers {
  readonly #start: () => Promise<BerthProcess>
  readonly #count: number
  #running: BerthProcess[] = []
  #peakMib = 0
  kills = 0

  constructor(start: () => Promise<BerthProcess>, count: number) {
    this.#start = start
    this.#count = count
  }

  async fill(): Promise<void> {
    while (this.#running.length < this.#count) this.#running.push(await this.#start())
  }

  /** Throws when none is running. */
  any(): BerthProcess {
    const found = this.#running[Math.floor(Math.random() * this.#running.length)]
    if (found === undefined) throw new Error('no process is running')
    return found
  }

  /** `kill -9` to the oldest one each time, and another one takes its place. */
  async killEach({ everyMs, leastPushes, pushed, isOver }: Killing): Promise<void> {
    while (!isOver()) {
      const before = pushed()
      await Bun.sleep(everyMs)
      while (pushed() < before + leastPushes && !isOver()) await Bun.sleep(20)
      const [oldest, ...others] = this.#running
      if (oldest === undefined || isOver()) return
      this.#peakMib = Math.max(this.#peakMib, await peakMibOf(oldest.program.pid))
      this.#running = others
      await oldest.kill()
      this.kills += 1
      await this.fill()
    }
  }

  async peakMib(): Promise<number> {
    const now = await Promise.all(this.#running.map(({ program }) => peakMibOf(program.pid)))
    return Math.round(Math.max(this.#peakMib, ...now))
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#running.map((berth) => berth.stop()))
  }
}

/** Pushes manifests of its own, one after another: its events are to come in this order. */
class PushingClient {
  readonly repository: string
  readonly acknowledged: string[] = []
  readonly #servers: Servers
  #pushed = 0

  constructor(repository: string, servers: Servers) {
    this.repository = repository
    this.#servers = servers
  }

  /** Until so many have been acknowledged. What was not is pushed again, as another one. */
  async push(count: number): Promise<void> {
    await poll(
      'the config is pushed',
      60_000,
      async () => (await this.#tries((client) => client.pushBlob(this.repository, CONFIG))) || undefined,
    )
    while (this.acknowledged.length < count) {
      const manifest = this.#next()
      const isDone = await this.#tries(async (client) => {
        await expectStatus(await client.putManifest(this.repository, `v${this.#pushed % 10}`, manifest), 201)
      })
      if (isDone) this.acknowledged.push(manifest.digest)
    }
  }

  #next(): Content {
    this.#pushed += 1
    const config = { mediaType: CONFIG.mediaType, digest: CONFIG.digest, size: CONFIG.bytes.length }
    const annotations = { number: String(this.#pushed), repository: this.repository }
    return jsonContent(MEDIA_TYPE, { schemaVersion: 2, mediaType: MEDIA_TYPE, config, layers: [], annotations })
  }

  /** False when the server went away, or there is none. */
  async #tries(work: (client: RegistryClient) => Promise<void>): Promise<boolean> {
    try {
      await work(new RegistryClient(this.#servers.any().url))
      return true
    } catch (error) {
      if (!(error instanceof Error)) throw error
      await Bun.sleep(5)
      return false
    }
  }
}

async function addWebhook(folder: TemporaryFolder, config: string, url: string): Promise<void> {
  const environment = { ...environmentIn(folder.join('berth')), STATE_DIRECTORY: folder.join('state') }
  await runToSuccess([BERTH_PROGRAM, 'webhook', 'add', 'well', url, '--kind', 'manifest.push', '--config', config], {
    environment,
  })
}

function sectionOf(urls: Readonly<Record<string, string>>): string {
  const lines = Object.entries(urls).map(
    ([name, url]) => `    - {name: ${name}, url: "${url}", timeout: 300ms, threshold: 2, backoff: 100ms}\n`,
  )
  return `notifications:\n  endpoints:\n${lines.join('')}`
}

interface ToldPush {
  readonly id: string
  readonly repository: string
  readonly digest: string
}

function hooked({ taken }: WebhookReceiver): readonly ToldPush[] {
  return taken.map(({ text }) => {
    const { id, data } = JSON.parse(text) as { readonly id: string; readonly data: Omit<ToldPush, 'id'> }
    return { id, ...data }
  })
}

function pushesIn({ events }: EventReceiver): readonly ToldPush[] {
  return events
    .filter(({ target }) => target.mediaType === MEDIA_TYPE)
    .map(({ id, target }) => ({ id, repository: String(target.repository), digest: String(target.digest) }))
}

function digestsOf(events: readonly ReceivedEvent[]): readonly string[] {
  return events.map(({ target }) => String(target.digest))
}

/** How many came again. Throws when what came for the first time is not in the order of the pushes, or one id stands for two events. */
function repeatsIn(clients: readonly PushingClient[], told: readonly ToldPush[]): number {
  const first = new Map<string, ToldPush>()
  for (const push of told) {
    const before = first.get(push.id)
    if (before !== undefined && before.digest !== push.digest) throw new Error(`the id ${push.id} stands for two events`)
    if (before === undefined) first.set(push.id, push)
  }
  for (const { repository, acknowledged } of clients) {
    const known = new Set(acknowledged)
    // What was pushed and not acknowledged may have its event.
    const digests = [...first.values()]
      .filter((push) => push.repository === repository && known.has(push.digest))
      .map(({ digest }) => digest)
    if (!Bun.deepEquals(digests, acknowledged))
      throw new Error(`${repository}: told in another order than they were pushed, or not once each`)
  }
  return told.length - first.size
}
