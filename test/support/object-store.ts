import { afterAll, beforeAll, describe } from 'bun:test'
import { someOf, triesAll } from './effort.ts'
import { PROGRAM_PATH } from './processes.ts'
import { describeWith } from './requirements.ts'
import type { S3Place } from './s3-client.ts'
import { ObjectStore, STORE_PROGRAMS, type StoreKind } from './store-server.ts'

/** How long a start takes at most: what waits for one waits so long. */
export const STORE_START_MS = 150_000

type Body = (store: () => ObjectStore, kind: StoreKind) => void

const EACH_STORE: readonly StoreKind[] = ['seaweedfs', 'versitygw']

/**
 * A suite that runs on a store, which chance picks anew in each run, and on each kind where every case is tried. A store is started once,
 * ended with the last test, and told in the title. Where it is missing, its suite is a visible skip, and on a build machine a failure.
 */
export function describeOnStores(title: string, body: Body, kinds = storesFor(title)): void {
  for (const kind of kinds) {
    describeWith({ programs: [STORE_PROGRAMS[kind]] }, `${title}, on ${kind}`, () => {
      const stores = new StartedStores([kind])
      beforeAll(() => stores.start(), STORE_START_MS)
      body(() => stores.of(kind), kind)
      // After what the suite itself ends.
      afterAll(() => stores.end())
    })
  }
}

/** On each kind in every run: what is about the driver, and about stores themselves, which differ in what they answer. */
export function describeOnEachStore(title: string, body: Body): void {
  describeOnStores(title, body, EACH_STORE)
}

/** The same as `describeOnStores` for tests that wait more than they compute and share nothing: all of them run at once. */
export function describeOnStoresAtOnce(title: string, body: Body): void {
  const kinds = storesFor(title)
  describe.concurrent(title, () => {
    const stores = new StartedStores(kinds.filter(isInstalled))
    beforeAll(() => stores.start(), STORE_START_MS)
    for (const kind of kinds)
      describeWith({ programs: [STORE_PROGRAMS[kind]] }, `on ${kind}`, () => body(() => stores.of(kind), kind))
    afterAll(() => stores.end())
  })
}

function storesFor(title: string): readonly StoreKind[] {
  if (triesAll) return EACH_STORE
  const installed = EACH_STORE.filter(isInstalled)
  return someOf(`stores for ${title}`, installed.length === 0 ? EACH_STORE : installed, 1)
}

function isInstalled(kind: StoreKind): boolean {
  return Bun.which(STORE_PROGRAMS[kind], { PATH: PROGRAM_PATH }) !== null
}

class StartedStores {
  readonly #kinds: readonly StoreKind[]
  readonly #stores = new Map<StoreKind, ObjectStore>()

  constructor(kinds: readonly StoreKind[]) {
    this.#kinds = kinds
  }

  async start(): Promise<void> {
    await Promise.all(this.#kinds.map(async (kind) => this.#stores.set(kind, await ObjectStore.start(kind))))
  }

  of(kind: StoreKind): ObjectStore {
    const store = this.#stores.get(kind)
    if (store === undefined) throw new Error('the store has not been started')
    return store
  }

  async end(): Promise<void> {
    for (const store of this.#stores.values()) await store[Symbol.asyncDispose]()
  }
}

/** The section `storage` of a config.yml that registry:2, registry:3 and Berth read alike. `more` is added to the driver's keys. */
export function s3Section({ endpoint, region, accessKey, secretKey, bucket }: S3Place, more = ''): string {
  return `  s3:
    accesskey: ${accessKey}
    secretkey: ${secretKey}
    region: ${region}
    regionendpoint: ${endpoint}
    forcepathstyle: true
    bucket: ${bucket}
    secure: false
${more}`
}
