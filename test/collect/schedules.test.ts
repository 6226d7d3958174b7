import { expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { collect, collectAll, DAY_MS, forgetGone, HOUR_MS, MINUTE_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { triesAll } from '../support/effort.ts'
import { expectNoneIsEmpty } from '../support/emptied-repository.ts'
import { dyingAfter, Gate } from '../support/gate.ts'
import type { DiskHook } from '../support/held-disk.ts'
import { type PartKind, partsOf, partsOfImage } from '../support/image-parts.ts'
import { blobsOf, type Content, type Image, makeImage, makeImageIndex } from '../support/images.ts'
import { expectStatus } from '../support/registry-client.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { expectServedByPeer, isServedByPeer, type Tagged } from '../support/served-by-peer.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(3_600_000)

/** `BERTH_COLLECT_SCHEDULES=10000` for a look by hand; the seed of a schedule that failed stands in its message. */
const SCHEDULES = Number(process.env.BERTH_COLLECT_SCHEDULES ?? (triesAll ? 100 : 15))
const FIRST_SEED = Number(process.env.BERTH_COLLECT_SEED ?? 1)
const STEPS = 40
const REPOSITORIES = ['one', 'two']
const [ONE, TWO, THREE] = ['one', 'two', 'three'].map((name) => makeImage(name, { layers: 1 })) as [Image, Image, Image]
const IMAGES: readonly Image[] = [ONE, TWO, THREE]
/** Two indexes share a child, and one child may also be pushed by itself. */
const INDEXES = [makeImageIndex([ONE, TWO]), makeImageIndex([TWO, THREE])]
const TAGS = ['latest', 'v1']

test(`${SCHEDULES} random schedules of requests, passes, restarts and kills: what was answered stays for a window, and what nothing needs goes`, async () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SCHEDULES; seed += 1) {
    const schedule = new Schedule(seed)
    try {
      await schedule.run()
    } catch (cause) {
      throw new Error(`seed ${seed}: ${schedule.steps.join(', ')}`, { cause })
    }
  }
})

/** What a client was told is there, and until when it must be. */
interface Promised {
  readonly repository: string
  readonly digest: string
  readonly kind: PartKind
  readonly untilMs: number
}

class Schedule {
  readonly steps: string[] = []
  readonly #seed: number
  readonly #random: SeededRandom
  readonly #folder = new TemporaryFolder({ inMemory: true })
  #berth!: BerthInProcess
  #hook: DiskHook = () => undefined
  #nowMs = 0
  #promises: Promised[] = []
  readonly #tagged = new Map<string, Tagged>()

  constructor(seed: number) {
    this.#seed = seed
    this.#random = new SeededRandom(seed)
  }

  async run(): Promise<void> {
    try {
      await this.#start()
      for (let step = 0; step < STEPS; step += 1) {
        await this.#step()
        this.#expectPromised()
        this.#expectTagged()
      }
      await collectAll(this.#berth, 6)
      this.#expectTagged()
      this.#expectNoGarbage()
      await forgetGone(this.#berth)
      // A mount that was answered with 202 began an upload, which keeps its repository.
      await this.#berth.opened.metadata.write((query) => query.run('DELETE FROM upload'))
      await collect(this.#berth)
      this.#expectTagged()
      expectNoneIsEmpty(this.#path('repositories'), REPOSITORIES)
      await this.#berth.stop()
      if (isServedByPeer(this.#seed)) await expectServedByPeer(this.#folder, this.#tagged)
    } finally {
      await this.#berth.stop()
      this.#folder[Symbol.dispose]()
    }
  }

  async #start(): Promise<void> {
    const hook: DiskHook = (call, phase) => this.#hook(call, phase)
    this.#berth = await BerthInProcess.start(this.#folder.join('data'), { collector: TEST_POLICY, hook })
    await this.#berth.scan()
  }

  async #step(): Promise<void> {
    const repository = this.#random.pick(REPOSITORIES)
    const image = this.#random.pick(IMAGES)
    const steps = [
      () => this.#pushBlob(repository, this.#random.pick(blobsOf(image))),
      () => this.#askForBlob(repository, this.#random.pick(blobsOf(image))),
      () => this.#mount(repository, this.#random.pick(blobsOf(image))),
      () => this.#pushManifest(repository, { manifest: image.manifest, images: [image] }),
      () => this.#pushWhole(repository, { manifest: image.manifest, images: [image] }),
      () => this.#pushWhole(repository, this.#random.pick(INDEXES)),
      () => this.#pushManifest(repository, this.#random.pick(INDEXES)),
      () => this.#askForManifest(repository, this.#random.pick([...IMAGES, ...INDEXES]).manifest),
      () => this.#deleteTag(repository, this.#random.pick(TAGS)),
      () => this.#deleteManifest(repository, this.#random.pick([...IMAGES, ...INDEXES]).manifest),
      () => this.#deleteBlob(repository, this.#random.pick(blobsOf(image))),
      () => this.#wait(),
      () => this.#wait(),
      () => this.#collect(),
      () => this.#collect(),
      () => this.#restart(),
      () => this.#killWhileCollecting(),
    ]
    await this.#random.pick(steps)()
  }

  async #pushBlob(repository: string, blob: Content): Promise<void> {
    this.steps.push(`push blob ${repository} ${short(blob)}`)
    await this.#berth.client.pushBlob(repository, blob)
    this.#promise(repository, blob, '_layers')
  }

  async #askForBlob(repository: string, blob: Content): Promise<void> {
    const method = this.#random.pick(['HEAD', 'GET'])
    const { status } = await this.#berth.client.request(method, `/v2/${repository}/blobs/${blob.digest}`)
    this.steps.push(`${method} blob ${repository} ${short(blob)}: ${status}`)
    expect([200, 404]).toContain(status)
    if (status === 200) this.#promise(repository, blob, '_layers')
  }

  async #mount(repository: string, blob: Content): Promise<void> {
    const from = this.#random.pick(REPOSITORIES.filter((other) => other !== repository))
    const status = await this.#berth.client.mountBlob(repository, blob.digest, from)
    this.steps.push(`mount ${repository} ${short(blob)}: ${status}`)
    if (status !== 201) return
    this.#promise(repository, blob, '_layers')
    this.#promise(from, blob, '_layers')
  }

  /** As a client does that was told before that everything is there. */
  async #pushManifest(repository: string, pushed: Tagged): Promise<void> {
    const tag = this.#random.pick([...TAGS, pushed.manifest.digest])
    const mustBeTaken = partsOf(pushed).every(([part, kind]) => this.#isPromised(repository, part, kind))
    const { status } = await this.#berth.client.putManifest(repository, tag, pushed.manifest)
    this.steps.push(`push manifest ${repository} ${tag.slice(0, 12)} ${short(pushed.manifest)}: ${status}`)
    expect(mustBeTaken ? [201] : [201, 400]).toContain(status)
    if (status !== 201) return
    this.#promise(repository, pushed.manifest, '_manifests/revisions')
    if (TAGS.includes(tag)) this.#tagged.set(`${repository} ${tag}`, pushed)
  }

  async #pushWhole(repository: string, pushed: Tagged): Promise<void> {
    for (const image of pushed.images) {
      for (const blob of blobsOf(image)) await this.#pushBlob(repository, blob)
      if (image.manifest === pushed.manifest) continue
      this.steps.push(`push manifest ${repository} ${short(image.manifest)}`)
      await expectStatus(await this.#berth.client.putManifest(repository, image.manifest.digest, image.manifest), 201)
      this.#promise(repository, image.manifest, '_manifests/revisions')
    }
    await this.#pushManifest(repository, pushed)
  }

  async #askForManifest(repository: string, manifest: Content): Promise<void> {
    const { status } = await this.#berth.client.headManifest(repository, manifest.digest)
    this.steps.push(`HEAD manifest ${repository} ${short(manifest)}: ${status}`)
    expect([200, 404]).toContain(status)
    if (status === 200) this.#promise(repository, manifest, '_manifests/revisions')
  }

  async #deleteTag(repository: string, tag: string): Promise<void> {
    const { status } = await this.#berth.client.request('DELETE', `/v2/${repository}/manifests/${tag}`)
    this.steps.push(`delete tag ${repository} ${tag}: ${status}`)
    if (status === 202) this.#tagged.delete(`${repository} ${tag}`)
  }

  async #deleteManifest(repository: string, manifest: Content): Promise<void> {
    const { status } = await this.#berth.client.request('DELETE', `/v2/${repository}/manifests/${manifest.digest}`)
    this.steps.push(`delete manifest ${repository} ${short(manifest)}: ${status}`)
    if (status !== 202) return
    for (const tag of TAGS)
      if (this.#tagged.get(`${repository} ${tag}`)?.manifest === manifest) this.#tagged.delete(`${repository} ${tag}`)
    this.#forget(repository, manifest, '_manifests/revisions')
  }

  async #deleteBlob(repository: string, blob: Content): Promise<void> {
    const { status } = await this.#berth.client.request('DELETE', `/v2/${repository}/blobs/${blob.digest}`)
    this.steps.push(`delete blob ${repository} ${short(blob)}: ${status}`)
    if (status === 202) this.#forget(repository, blob, '_layers')
  }

  async #wait(): Promise<void> {
    const ms = this.#random.pick([MINUTE_MS, HOUR_MS - MINUTE_MS, HOUR_MS, HOUR_MS, 8 * HOUR_MS, DAY_MS - HOUR_MS, DAY_MS])
    this.steps.push(`wait ${ms / MINUTE_MS} min`)
    this.#nowMs += ms
    await passTime(this.#berth, ms)
  }

  async #collect(): Promise<void> {
    // From then on a repository in which nothing is left may go.
    const forgets = this.#random.below(2) === 0
    this.steps.push(forgets ? 'forget what is gone, collect' : 'collect')
    if (forgets) await forgetGone(this.#berth)
    await collect(this.#berth)
  }

  async #restart(): Promise<void> {
    this.steps.push('restart')
    await this.#berth.stop()
    await this.#start()
  }

  /** After one of its changes of the storage, or when it has ended. */
  async #killWhileCollecting(): Promise<void> {
    const died = new Gate()
    const changes = this.#random.below(6)
    this.#hook = dyingAfter(changes, died)
    const collected = collect(this.#berth).catch(() => undefined)
    await Promise.race([collected, died.reached().catch(() => undefined)])
    this.steps.push(`kill after ${changes} changes`)
    await this.#berth.kill()
    this.#hook = () => undefined
    await this.#start()
  }

  #promise(repository: string, { digest }: Content, kind: Promised['kind']): void {
    this.#promises.push({ repository, digest, kind, untilMs: this.#nowMs + TEST_POLICY.windowMs - MINUTE_MS })
  }

  #forget(repository: string, { digest }: Content, kind: Promised['kind']): void {
    this.#promises = this.#promises.filter(
      (other) => other.repository !== repository || other.digest !== digest || other.kind !== kind,
    )
  }

  #isPromised(repository: string, { digest }: Content, kind: Promised['kind']): boolean {
    return this.#promises.some(
      (other) =>
        other.repository === repository && other.digest === digest && other.kind === kind && other.untilMs >= this.#nowMs,
    )
  }

  /** In the storage itself: a request would renew what it asks for. */
  #expectPromised(): void {
    this.#promises = this.#promises.filter(({ untilMs }) => untilMs >= this.#nowMs)
    for (const { repository, digest, kind } of this.#promises) this.#expectThere(repository, digest, kind)
  }

  #expectTagged(): void {
    for (const [name, tagged] of this.#tagged) {
      const repository = name.split(' ')[0] ?? ''
      for (const [{ digest }, kind] of [...partsOf(tagged), ...tagged.images.flatMap(partsOfImage)])
        this.#expectThere(repository, digest, kind)
    }
  }

  #expectThere(repository: string, digest: string, kind: Promised['kind']): void {
    const hex = digest.slice(7)
    const paths = [join('repositories', repository, kind, 'sha256', hex, 'link'), blobPath(hex)]
    expect(paths.filter((path) => !existsSync(this.#path(path)))).toEqual([])
  }

  /** Each link is named by a manifest of its repository, and all bytes are linked or those of a manifest. */
  #expectNoGarbage(): void {
    const kept = new Set<string>()
    for (const repository of REPOSITORIES) {
      const revisions = this.#hexes(join('repositories', repository, '_manifests/revisions/sha256'), 'link')
      const manifests = revisions.map((hex) => readFileSync(this.#path(blobPath(hex)), 'utf8'))
      const named = new Set(manifests.flatMap((text) => text.match(/(?<=sha256:)[0-9a-f]{64}/g) ?? []))
      const links = this.#hexes(join('repositories', repository, '_layers/sha256'), 'link')
      expect(links.filter((hex) => !named.has(hex))).toEqual([])
      for (const hex of [...revisions, ...links]) kept.add(hex)
    }
    const stored = this.#list('blobs/sha256').flatMap((shard) => this.#hexes(join('blobs/sha256', shard), 'data'))
    expect(stored.filter((hex) => !kept.has(hex))).toEqual([])
  }

  #hexes(directory: string, file: string): readonly string[] {
    return this.#list(directory).filter((hex) => existsSync(this.#path(join(directory, hex, file))))
  }

  #list(directory: string): readonly string[] {
    return existsSync(this.#path(directory)) ? readdirSync(this.#path(directory)) : []
  }

  #path(below: string): string {
    return this.#folder.join('data/docker/registry/v2', below)
  }
}

function blobPath(hex: string): string {
  return join('blobs/sha256', hex.slice(0, 2), hex, 'data')
}

function short({ digest }: Content): string {
  return digest.slice(7, 13)
}
