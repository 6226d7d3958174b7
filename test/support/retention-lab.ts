import { Questions } from '../../src/registry/deleting/questions.ts'
import { type RetainedBytes, RetentionBytes } from '../../src/registry/retention/retention-bytes.ts'
import { NO_POLICY, type RetentionPolicy } from '../../src/registry/retention/retention-policy.ts'
import { wordsOf } from '../../src/retention/reason.ts'
import { pushImage } from '../collect/rows/row.ts'
import { BerthInProcess } from './berth-in-process.ts'
import { DAY_MS, passTime, TEST_POLICY } from './collecting.ts'
import type { Image } from './images.ts'
import { TemporaryFolder } from './temporary-folder.ts'
import { loseDatabase, type RootOptions, type TestRoot } from './test-root.ts'

const signal = new AbortController().signal

/** A registry with rules for tags, whose clock a test moves. */
export class RetentionLab implements AsyncDisposable {
  readonly folder = new TemporaryFolder({ inMemory: true })
  readonly #root: TestRoot
  readonly #options: RootOptions
  #berth: BerthInProcess | undefined
  #policy: Partial<RetentionPolicy> = {}

  /** Left out, a directory of its own. */
  constructor(root?: TestRoot, options: RootOptions = {}) {
    this.#root = root ?? this.folder.join('data')
    this.#options = options
  }

  get berth(): BerthInProcess {
    if (this.#berth === undefined) throw new Error('the registry was not started')
    return this.#berth
  }

  /** With rules that are more than shown, unless the test says so. */
  async start(policy: Partial<RetentionPolicy>, { isScanned = true } = {}): Promise<void> {
    this.#policy = policy
    const retention = { ...NO_POLICY, dryRun: false, ...policy }
    this.#berth = await BerthInProcess.start(this.#root, { ...this.#options, collector: TEST_POLICY, retention })
    if (isScanned) await this.#berth.scan()
  }

  /** The database is lost, and what is there is read again. */
  async loseDatabase(): Promise<void> {
    await this.berth.stop()
    loseDatabase(this.#root)
    await this.start(this.#policy)
  }

  async push(pushes: readonly (readonly [Image, string])[], repository = 'ci/app'): Promise<void> {
    for (const [image, reference] of pushes) await pushImage(this.berth.client, image, reference, repository)
  }

  async passDays(days: number): Promise<void> {
    await passTime(this.berth, days * DAY_MS)
  }

  /** What the process does that has the duty. */
  async run(): Promise<void> {
    await this.berth.registry.retention.duty?.run(signal)
  }

  /** The same, a day later. */
  async pass(): Promise<void> {
    await this.passDays(1)
    await this.run()
  }

  /** Each tag, and each manifest without one, with what becomes of it. */
  async decided(): Promise<Readonly<Record<string, string>>> {
    const found: Record<string, string> = {}
    for await (const { name, tags, untagged } of this.#look()) {
      for (const { about, goes, because } of [...tags, ...untagged]) {
        const reference = 'name' in about ? `:${about.name}` : `@${about.digest}`
        found[`${name}${reference}`] = `${goes ? 'goes' : 'stays'}: ${wordsOf(because)}`
      }
    }
    return found
  }

  /** Of each repository. */
  async bytes(): Promise<readonly RetainedBytes[]> {
    const found: RetainedBytes[] = []
    for await (const repository of this.#look()) {
      const bytes = new RetentionBytes(new Questions(this.berth.opened.metadata.read, { signal }))
      await bytes.add(repository)
      found.push(await bytes.total())
    }
    return found
  }

  async status(reference: string, repository = 'ci/app'): Promise<number> {
    return (await this.berth.client.headManifest(repository, reference)).status
  }

  async statuses(...references: readonly string[]): Promise<readonly number[]> {
    return await Promise.all(references.map((reference) => this.status(reference)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#berth?.stop()
    this.folder[Symbol.dispose]()
  }

  #look() {
    const { scan, retention } = this.berth.registry
    const seen = { names: () => scan.ensureNames(), repository: scan.ensureScanned.bind(scan) }
    return retention.look(seen).repositories(signal)
  }
}
