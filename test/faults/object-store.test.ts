import { expect, test } from 'bun:test'
import { type BucketBerth, withBerth } from '../support/bucket-berth.ts'
import { someOf, triesAll } from '../support/effort.ts'
import { type Content, contentOf, fixedBytes } from '../support/images.ts'
import { describeOnStoresAtOnce } from '../support/object-store.ts'
import { PatientClient } from '../support/patient-client.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { describeWith } from '../support/requirements.ts'
import type { S3Place } from '../support/s3-client.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { StoreProxy } from '../support/store-proxy.ts'
import type { ObjectStore } from '../support/store-server.ts'
import { badWeather, KINDS_OF_WEATHER, lateDelivery, outage, poorStore } from '../support/store-weather.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const OPERATIONS = triesAll ? 500 : 24
const CLIENTS = triesAll ? 8 : 4
const KILLS = 3
/** Between two kills there are more than twice as many as there are clients. */
const OPERATIONS_WITH_KILLS = triesAll ? 250 : 40
/** Longer than Berth tries by itself: clients must hear of it. */
const OUTAGE_MS = 25_000
const TEST_MS = 20 * 60_000
const MIB = 1024 * 1024
/** Of all sizes that matter: nothing, one small object, one whole part, some parts and a rest. */
const LAYER_BYTES = [0, 1, 70_000, 5 * MIB, 10 * MIB + 17]

/** What befalls the store. */
const SCENES: Readonly<Record<string, (store: ObjectStore) => Promise<void>>> = {
  'from a store that fails, and then is not there for half a minute': async (store) => {
    await using scene = await Scene.start(store, 'a failing store')
    const { proxy, random, clients } = scene

    await scene.serve(async () => {
      proxy.use(...badWeather(random))
      await scene.work(OPERATIONS / 2)
      proxy.use(...outage())
      const rest = scene.work(OPERATIONS / 2)
      await Bun.sleep(OUTAGE_MS)
      proxy.use(...badWeather(random))
      await rest
    })

    scene.expectAllOf(KINDS_OF_WEATHER)
    expect(clients.some(({ patience }) => [...patience.keys()].some((what) => what.includes('503 UNAVAILABLE')))).toBe(true)
    await scene.expectWhole()
  },
  'from a store that fails, lacks operations and shows old lists': async (store) => {
    await using scene = await Scene.start(store, 'a poor store')
    const { proxy, random } = scene

    await scene.serve(async () => {
      proxy.use(...poorStore(), ...badWeather(random))
      await scene.work(OPERATIONS)
    })

    scene.expectAllOf([...KINDS_OF_WEATHER, 'stale'])
    await scene.expectWhole()
  },
  [`from a store that fails, while Berth is killed ${KILLS} times and what it sent arrives afterwards`]: async (store) => {
    await using scene = await Scene.start(store, 'kills over a failing store')
    const { proxy, random } = scene

    await scene.serve(async (berth) => {
      proxy.use(...badWeather(random))
      for (let kill = 0; kill < KILLS; kill += 1) {
        const killed = scene.whileGone(async () => {
          const underWay = proxy.next('deliver-late')
          proxy.use(lateDelivery(random))
          await underWay
          await Bun.sleep(random.below(60))
          await berth.kill()
          proxy.use(...badWeather(random))
          await berth.restart()
        })
        await scene.work(OPERATIONS_WITH_KILLS / (KILLS + 1), killed)
      }
      await scene.work(OPERATIONS_WITH_KILLS / (KILLS + 1))
    })

    // Stalls are rare, and this is the shorter run.
    scene.expectAllOf([...KINDS_OF_WEATHER.filter((kind) => kind !== 'stall'), 'deliver-late'])
    await scene.expectWhole()
  },
}

describeWith({ programs: [PEER_PROGRAM] }, `${OPERATIONS} pushes and pulls by ${CLIENTS} clients`, () => {
  // The faults are the proxy's, and the same before each store. Each takes ten seconds of the processor: a run tries one of them.
  const scenes = someOf('stores that fail', Object.entries(SCENES), 1)

  describeOnStoresAtOnce('lose nothing and get no wrong byte', (store) => {
    test.each(scenes)('%s', async (_, scene) => await scene(store()), TEST_MS)
  })
})

/** A bucket behind a proxy, and clients whose registry is on it. */
class Scene implements AsyncDisposable {
  readonly place: S3Place
  readonly proxy: StoreProxy
  readonly random: SeededRandom
  readonly clients: readonly PatientClient[]
  readonly #folder = new TemporaryFolder()
  #berth: BucketBerth | undefined
  #isGone = false

  private constructor(place: S3Place, proxy: StoreProxy, random: SeededRandom) {
    this.place = place
    this.proxy = proxy
    this.random = random
    const common = { url: () => this.#berth?.url ?? '', layers: LAYER_BYTES.map(layerOf), mayBeGone: () => this.#isGone }
    this.clients = Array.from({ length: CLIENTS }, (_, number) => {
      return new PatientClient({ ...common, repository: `client/${number}`, random: new SeededRandom(random.seed + number + 1) })
    })
  }

  static async start(store: ObjectStore, what: string): Promise<Scene> {
    const place = await store.newBucket()
    return new Scene(place, await StoreProxy.start(place.endpoint), new SeededRandom(seedFor(what)))
  }

  /** Berth behind the proxy. */
  async serve(use: (berth: BucketBerth) => Promise<void>): Promise<void> {
    const place = { ...this.place, endpoint: this.proxy.endpoint }
    await withBerth({ folder: this.#folder, place }, async (berth) => {
      this.#berth = berth
      await use(berth)
      this.proxy.use()
      await this.#pullAll()
    })
    this.#report()
  }

  /** `interrupt` runs in the place of one operation, while at least as many are to come as there are clients twice over. */
  async work(operations: number, interrupt = async () => {}): Promise<void> {
    let left = Math.round(operations)
    const moment = 2 * CLIENTS + this.random.below(Math.max(1, left - 2 * CLIENTS))
    const workOf = async (client: PatientClient) => {
      while (left > 0) {
        left -= 1
        if (left === moment) await interrupt()
        else await client.doSomething()
      }
    }
    await Promise.all(this.clients.map(workOf))
  }

  /** Connections that break off meanwhile, or just after, are no fault. */
  whileGone(work: () => Promise<void>): () => Promise<void> {
    return async () => {
      this.#isGone = true
      await work()
      this.#isGone = false
    }
  }

  expectAllOf(kinds: readonly string[]): void {
    const seen = new Set<string | undefined>(this.proxy.seen.map(({ fault }) => fault))
    expect(kinds.filter((kind) => !seen.has(kind))).toEqual([])
  }

  /** All that was acknowledged is there for a Berth that knows nothing of it, and for registry:2. */
  async expectWhole(): Promise<void> {
    await this.proxy.allDelivered()
    using elsewhere = new TemporaryFolder()
    await withBerth({ folder: elsewhere, place: this.place }, async ({ url }) => await this.#pullAll(url))
    await using peer = await startPeer({ folder: elsewhere, dataDirectory: this.place })
    await this.#pullAll(peer.url)
    expect(this.clients.flatMap(({ problems }) => problems)).toEqual([])
    // The slower a killed Berth is back on a busy machine, the more operations run out of patience.
    expect(sum(this.clients.map(({ pushes, pulls }) => pushes + pulls))).toBeGreaterThanOrEqual(OPERATIONS_WITH_KILLS / 2)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]()
    this.#folder[Symbol.dispose]()
  }

  async #pullAll(url?: string): Promise<void> {
    const pullsOf = async (client: PatientClient) => {
      for (const tag of client.possible.keys()) await client.pull(tag, url)
    }
    await Promise.all(this.clients.map(pullsOf))
  }

  #report(): void {
    const faults = Object.entries(Object.groupBy(this.proxy.seen, ({ fault }) => fault ?? 'none'))
    const patience = this.clients.flatMap((client) => [...client.patience].map(([what, times]) => `${what} ×${times}`))
    const lines = [
      `requests to the store: ${faults.map(([fault, requests]) => `${fault} ${requests?.length}`).join(', ')}`,
      `${sum(this.clients.map(({ pushes }) => pushes))} pushes, ${sum(this.clients.map(({ pulls }) => pulls))} pulls`,
      `clients tried again after: ${patience.join(', ') || 'nothing'}`,
    ]
    process.stderr.write(`${lines.join('\n')}\n`)
  }
}

function layerOf(length: number): Content {
  return contentOf('application/vnd.oci.image.layer.v1.tar', fixedBytes(length))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
