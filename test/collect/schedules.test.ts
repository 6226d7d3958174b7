import { expect, setDefaultTimeout, test } from 'bun:test'
import { ownWork } from '../../src/observe/actor.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { NoSuchDeletion, Undeletion } from '../../src/registry/deleting/undeletion.ts'
import { NO_POLICY } from '../../src/registry/retention/retention-policy.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { collect, collectAll, DAY_MS, forgetGone, HOUR_MS, MINUTE_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { triesAll } from '../support/effort.ts'
import { expectNoneIsEmpty } from '../support/emptied-repository.ts'
import { partsOf } from '../support/image-parts.ts'
import { blobsOf, type Content, type Image, makeImage, makeImageIndex } from '../support/images.ts'
import { expectStatus } from '../support/registry-client.ts'
import { ruleOf } from '../support/retention-rule.ts'
import { ScheduledContent } from '../support/scheduled-content.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { expectServedByPeer, isServedByPeer, type Tagged } from '../support/served-by-peer.ts'
import { SteppedWork } from '../support/stepped-work.ts'
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
const TAGS = ['latest', 'ci-1', 'ci-2']
/** A rule lets tags go that were pushed so long ago; it says nothing of `latest`. */
const RULED_MS = 12 * HOUR_MS
const OPTIONS = {
  collector: TEST_POLICY,
  retention: { ...NO_POLICY, dryRun: false, rules: [ruleOf('**', 'ci-*', { pushedMs: RULED_MS })] },
}

test(`${SCHEDULES} random schedules of requests, rules, undeletes, passes, restarts and kills: what was answered stays for a window, and what nothing needs goes`, async () => {
  const counts = { ruled: 0, undeleted: 0 }
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SCHEDULES; seed += 1) {
    const schedule = new Schedule(seed, counts)
    try {
      await schedule.run()
    } catch (cause) {
      throw new Error(`seed ${seed}: ${schedule.steps.join(', ')}`, { cause })
    }
  }
  expect(counts.ruled).toBeGreaterThan(0)
  expect(counts.undeleted).toBeGreaterThan(0)
})

class Schedule {
  readonly steps: string[] = []
  readonly #seed: number
  readonly #random: SeededRandom
  readonly #folder = new TemporaryFolder({ inMemory: true })
  readonly #content = new ScheduledContent(this.#folder.join('data'))
  readonly #counts: { ruled: number; undeleted: number }
  #berth!: BerthInProcess
  #stepped!: SteppedWork

  constructor(seed: number, counts: { ruled: number; undeleted: number }) {
    this.#seed = seed
    this.#random = new SeededRandom(seed)
    this.#counts = counts
  }

  async run(): Promise<void> {
    try {
      await this.#start()
      for (let step = 0; step < STEPS; step += 1) {
        await this.#step()
        this.#content.expectPromised()
        this.#content.expectTagged()
      }
      await collectAll(this.#berth, 6)
      this.#content.expectTagged()
      this.#content.expectNoGarbage(REPOSITORIES)
      await forgetGone(this.#berth)
      // A mount that was answered with 202 began an upload, which keeps its repository.
      await this.#berth.opened.metadata.write((query) => query.run('DELETE FROM upload'))
      await collect(this.#berth)
      this.#content.expectTagged()
      expectNoneIsEmpty(this.#content.path('repositories'), REPOSITORIES)
      await this.#berth.stop()
      if (isServedByPeer(this.#seed)) await expectServedByPeer(this.#folder, this.#content.tagged)
    } finally {
      await this.#berth.stop()
      this.#folder[Symbol.dispose]()
    }
  }

  async #start(): Promise<void> {
    const stepped = new SteppedWork()
    this.#stepped = stepped
    this.#berth = await BerthInProcess.start(this.#folder.join('data'), {
      ...OPTIONS,
      ...{ hook: stepped.hook, metadata: (metadata) => stepped.watch(metadata) },
    })
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
      () => this.#pushWhole(repository, { manifest: image.manifest, images: [image] }),
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
      () => this.#rule(),
      () => this.#undelete(repository),
      () => this.#undelete(repository),
      () => this.#restart(),
      () => this.#kill(repository),
    ]
    await this.#random.pick(steps)()
  }

  async #pushBlob(repository: string, blob: Content): Promise<void> {
    this.steps.push(`push blob ${repository} ${short(blob)}`)
    await this.#berth.client.pushBlob(repository, blob)
    this.#content.promise(repository, blob, '_layers')
  }

  async #askForBlob(repository: string, blob: Content): Promise<void> {
    const method = this.#random.pick(['HEAD', 'GET'])
    const { status } = await this.#berth.client.request(method, `/v2/${repository}/blobs/${blob.digest}`)
    this.steps.push(`${method} blob ${repository} ${short(blob)}: ${status}`)
    expect([200, 404]).toContain(status)
    if (status === 200) this.#content.promise(repository, blob, '_layers')
  }

  async #mount(repository: string, blob: Content): Promise<void> {
    const from = this.#random.pick(REPOSITORIES.filter((other) => other !== repository))
    const status = await this.#berth.client.mountBlob(repository, blob.digest, from)
    this.steps.push(`mount ${repository} ${short(blob)}: ${status}`)
    if (status !== 201) return
    this.#content.promise(repository, blob, '_layers')
    this.#content.promise(from, blob, '_layers')
  }

  /** As a client does that was told before that everything is there. */
  async #pushManifest(repository: string, pushed: Tagged): Promise<void> {
    const tag = this.#random.pick([...TAGS, pushed.manifest.digest])
    const mustBeTaken = partsOf(pushed).every(([part, kind]) => this.#content.isPromised(repository, part, kind))
    const { status } = await this.#berth.client.putManifest(repository, tag, pushed.manifest)
    this.steps.push(`push manifest ${repository} ${tag.slice(0, 12)} ${short(pushed.manifest)}: ${status}`)
    expect(mustBeTaken ? [201] : [201, 400]).toContain(status)
    if (status !== 201) return
    this.#content.promise(repository, pushed.manifest, '_manifests/revisions')
    if (TAGS.includes(tag)) this.#content.pushed(repository, tag, pushed)
  }

  async #pushWhole(repository: string, pushed: Tagged): Promise<void> {
    for (const image of pushed.images) {
      for (const blob of blobsOf(image)) await this.#pushBlob(repository, blob)
      if (image.manifest === pushed.manifest) continue
      this.steps.push(`push manifest ${repository} ${short(image.manifest)}`)
      await expectStatus(await this.#berth.client.putManifest(repository, image.manifest.digest, image.manifest), 201)
      this.#content.promise(repository, image.manifest, '_manifests/revisions')
    }
    await this.#pushManifest(repository, pushed)
  }

  async #askForManifest(repository: string, manifest: Content): Promise<void> {
    const { status } = await this.#berth.client.headManifest(repository, manifest.digest)
    this.steps.push(`HEAD manifest ${repository} ${short(manifest)}: ${status}`)
    expect([200, 404]).toContain(status)
    if (status === 200) this.#content.promise(repository, manifest, '_manifests/revisions')
  }

  async #deleteTag(repository: string, tag: string): Promise<void> {
    const { status } = await this.#berth.client.request('DELETE', `/v2/${repository}/manifests/${tag}`)
    this.steps.push(`delete tag ${repository} ${tag}: ${status}`)
    if (status === 202) this.#content.tagDeleted(`${repository} ${tag}`)
  }

  async #deleteManifest(repository: string, manifest: Content): Promise<void> {
    const { status } = await this.#berth.client.request('DELETE', `/v2/${repository}/manifests/${manifest.digest}`)
    this.steps.push(`delete manifest ${repository} ${short(manifest)}: ${status}`)
    if (status === 202) this.#content.manifestDeleted(repository, manifest)
  }

  async #deleteBlob(repository: string, blob: Content): Promise<void> {
    const { status } = await this.#berth.client.request('DELETE', `/v2/${repository}/blobs/${blob.digest}`)
    this.steps.push(`delete blob ${repository} ${short(blob)}: ${status}`)
    if (status === 202) this.#content.blobDeleted(repository, blob)
  }

  async #wait(): Promise<void> {
    await this.#waitFor([MINUTE_MS, HOUR_MS - MINUTE_MS, HOUR_MS, HOUR_MS, 8 * HOUR_MS, DAY_MS - HOUR_MS, DAY_MS])
  }

  async #waitFor(times: readonly number[]): Promise<void> {
    const ms = this.#random.pick(times)
    this.steps.push(`wait ${ms / MINUTE_MS} min`)
    this.#content.nowMs += ms
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

  async #rule(): Promise<void> {
    // They wait for the first hour of a start.
    await this.#waitFor([HOUR_MS, RULED_MS])
    await this.#applyRules()
    this.#noteTaken('the rule took')
  }

  async #undelete(repository: string): Promise<void> {
    await this.#bringBack(repository)
    this.#noteBack(repository, { isWhole: true })
  }

  /** After one of its changes of the storage, or of its transactions, or when it has ended. */
  async #kill(repository: string): Promise<void> {
    const works = {
      collect: () => collect(this.#berth),
      rule: () => this.#applyRules(),
      undelete: () => this.#bringBack(repository),
    }
    const what = this.#random.pick(Object.keys(works) as (keyof typeof works)[])
    const [limit, after] = [this.#random.pick(['limitChanges', 'limitWrites'] as const), this.#random.below(6)]
    this.steps.push(`kill while ${what}, ${limit} ${after}`)
    this.#stepped.begin()
    this.#stepped[limit](after)
    await Promise.race([works[what](), this.#stepped.stopped()])
    await this.#berth.kill()
    await this.#start()
    if (what === 'rule') this.#noteTaken('before the kill the rule took')
    if (what === 'undelete') this.#noteBack(repository, { isWhole: false })
  }

  async #applyRules(): Promise<void> {
    await this.#berth.registry.retention.duty?.run(new AbortController().signal)
  }

  #noteTaken(words: string): void {
    const taken = this.#content.takenByRule(/ ci-/, RULED_MS)
    this.steps.push(`${words} ${taken.length === 0 ? 'nothing' : taken}`)
    this.#counts.ruled += taken.length
  }

  async #bringBack(name: string): Promise<void> {
    const { records, restoration } = this.#berth.registry
    const signal = new AbortController().signal
    const ignored = () => undefined
    const undeletion = new Undeletion({
      ...{ records, restoration, actor: ownWork('test'), signal, onRestored: ignored, onGone: ignored },
      onUnreadable: (path) => {
        throw new Error(`${path} is no record`)
      },
    })
    await undeletion.bringBack({ kind: 'repository', repository: parseRepositoryName(name) }).catch((error: unknown) => {
      if (!(error instanceof NoSuchDeletion)) throw error
    })
  }

  #noteBack(repository: string, whether: { readonly isWhole: boolean }): void {
    const back = this.#content.undeleted(repository, whether)
    this.steps.push(`undelete ${repository}: ${back.length === 0 ? 'nothing' : back}`)
    this.#counts.undeleted += back.length
  }
}

function short({ digest }: Content): string {
  return digest.slice(7, 13)
}
