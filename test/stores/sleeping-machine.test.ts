import { expect, setDefaultTimeout, test } from 'bun:test'
import { IMPATIENT_BERTH, SLEEPY_BERTH } from '../support/berth-program.ts'
import { imageOn } from '../support/built-image.ts'
import { someOf } from '../support/effort.ts'
import { Fleet } from '../support/fleet.ts'
import { blobsOf, contentOf, type Image, makeImage } from '../support/images.ts'
import { describeOnStoresAtOnce } from '../support/object-store.ts'
import { poll } from '../support/processes.ts'
import { expectStatus, type RegistryClient } from '../support/registry-client.ts'
import type { S3Place } from '../support/s3-client.ts'
import { setClocksBack } from '../support/sleepy-clocks.ts'
import { StoreProxy } from '../support/store-proxy.ts'
import { bytesPath, filesInBucket, linkPath } from '../support/stored-files.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** A machine falls asleep in the middle of a removal, another one takes over and acknowledges the same digests, and the first wakes up. */

setDefaultTimeout(240_000)
const TAKEN_OVER_MS = 90_000
/** A sign of life of the hurried programs is renewed each 3.3 s: more than twice that. */
const AWAKE_MS = 8_000
const MOST_PUSHES = 10
/** One batch has 64, of which 16 are sent at once. */
const LAYERS = 60

const SLEEPS = [
  ['whose wall clock was set back as far', { isWallSetBack: true, isMonotonicSetBack: false }],
  ['whose other clock stood still', { isWallSetBack: false, isMonotonicSetBack: true }],
  ['of which no clock tells, as in a virtual machine', { isWallSetBack: true, isMonotonicSetBack: true }],
] as const

const layers = Array.from({ length: LAYERS }, (_, number) =>
  contentOf('application/octet-stream', new TextEncoder().encode(`layer ${number}`)),
)
const image = imageOn(layers, 'of layers that were being removed')
const kept = makeImage('kept')

describeOnStoresAtOnce('a machine that sleeps in the middle of a removal', (store) => {
  // Most of each is a wait for the sign of life to grow old.
  test.each(someOf('sleeps of a machine', SLEEPS, 1))(
    'and %s, takes nothing of what another one has acknowledged meanwhile',
    async (_, { isWallSetBack, isMonotonicSetBack }) => {
      await using scene = await Scene.on(await store().newBucket())
      const { bucket, proxy, first, second } = scene
      await first.start()
      await push(clientOf(first), 'kept', kept)
      await scene.fallAsleepWhileRemoving(() => pushLayers(clientOf(first)))
      const asleepAtMs = performance.now()

      await second.start()
      await takenOver(clientOf(second))
      await push(clientOf(second), 'latest', image)
      const sleptMs = performance.now() - asleepAtMs
      setClocksBack(scene.folders[0], { wallMs: isWallSetBack ? sleptMs : 0, monotonicMs: isMonotonicSetBack ? sleptMs : 0 })
      scene.wakeUp()
      await Promise.race([first.givenUp(), Bun.sleep(AWAKE_MS)])
      await first.stop()
      await proxy.allDelivered()

      const { paths } = await filesInBucket(bucket)
      const needed = [image, kept].flatMap(({ manifest, ...parts }) => [
        ...blobsOf({ manifest, ...parts }).map(({ digest }) => ['blob', digest] as const),
        ['manifest', manifest.digest] as const,
      ])
      const files = needed.flatMap(([kind, digest]) => [linkPath('app', kind, digest), bytesPath(digest.slice('sha256:'.length))])
      expect(files.filter((path) => !paths.has(path))).toEqual([])
      await expectWhole(clientOf(second))
    },
  )
})

/** A bucket and two machines, which are two folders for what is local. A proxy stands before the first, the one that sleeps. */
class Scene implements AsyncDisposable {
  readonly folders = [new TemporaryFolder(), new TemporaryFolder()] as const
  readonly bucket: S3Place
  readonly proxy: StoreProxy
  readonly first: Fleet
  readonly second: Fleet
  readonly #comes = Promise.withResolvers<void>()

  private constructor(bucket: S3Place, proxy: StoreProxy) {
    this.bucket = bucket
    this.proxy = proxy
    const [one, other] = this.folders
    this.first = new Fleet(one, 1, { bucket: { ...bucket, endpoint: proxy.endpoint }, berth: SLEEPY_BERTH })
    this.second = new Fleet(other, 1, { bucket, berth: IMPATIENT_BERTH })
  }

  static async on(bucket: S3Place): Promise<Scene> {
    return new Scene(bucket, await StoreProxy.start(bucket.endpoint))
  }

  /**
   * Pushes what nothing names, until that is there and the first DELETE of a link is on its way: those that were sent by then come when the
   * machine wakes up.
   */
  async fallAsleepWhileRemoving(push: () => Promise<void>): Promise<void> {
    this.proxy.use(({ method, key }) =>
      method === 'DELETE' && key.includes('/_layers/') ? { kind: 'deliver-when', said: this.#comes.promise } : undefined,
    )
    await Promise.all([this.proxy.next('deliver-when'), push()])
    this.first.pause()
    this.proxy.use()
  }

  wakeUp(): void {
    this.first.goOn()
    this.#comes.resolve()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.wakeUp()
    await this.first.stop()
    await this.second.stop()
    await this.proxy[Symbol.asyncDispose]()
    for (const folder of this.folders) folder[Symbol.dispose]()
  }
}

async function expectWhole(client: RegistryClient): Promise<void> {
  for (const [tag, { manifest, ...parts }] of [
    ['latest', image],
    ['kept', kept],
  ] as const) {
    expect((await client.getManifest('app', tag)).headers.get('docker-content-digest')).toBe(manifest.digest)
    for (const blob of blobsOf({ manifest, ...parts }))
      expect(await (await client.getBlob('app', blob.digest)).bytes()).toEqual(blob.bytes)
  }
}

function clientOf({ clients: [client] }: Fleet): RegistryClient {
  if (client === undefined) throw new Error('it does not run')
  return client
}

async function pushLayers(client: RegistryClient): Promise<void> {
  await Promise.all(layers.map((layer) => untilTaken(() => client.pushBlob('app', layer))))
}

async function push(client: RegistryClient, tag: string, pushed: Image): Promise<void> {
  await untilTaken(async () => {
    await Promise.all(blobsOf(pushed).map((blob) => client.pushBlob('app', blob)))
    await expectStatus(await client.putManifest('app', tag, pushed.manifest), 201)
  })
}

/**
 * On a machine that does much else, seconds pass between two requests: signatures expire, and layers are collected before a manifest names
 * them. Clients push again.
 */
async function untilTaken(push: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await push()
      return
    } catch (error) {
      if (tries === MOST_PUSHES) throw error
    }
  }
}

async function takenOver(client: RegistryClient): Promise<void> {
  await poll('the other machine takes over', TAKEN_OVER_MS, async () => {
    const { status } = await client.request('POST', '/v2/app/blobs/uploads/')
    return status === 202 ? true : undefined
  })
}
