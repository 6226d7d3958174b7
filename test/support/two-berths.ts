import { listClaimOwners } from '../../src/metadata/claims.ts'
import { BerthInProcess } from './berth-in-process.ts'
import { ExpectedRegistry } from './expected-registry.ts'
import type { DiskHook } from './held-disk.ts'
import { RegistryWriter } from './registry-writer.ts'
import type { Scenario, Work } from './scenarios.ts'
import { type Allowed, exactly, expectedToShow, GONE, type Shown, show, wrongIn, wrongLists } from './shown.ts'
import { SteppedWork, type WorkLength } from './stepped-work.ts'
import { StoredLayout } from './stored-layout.ts'
import { TemporaryFolder } from './temporary-folder.ts'

/** Two processes in a new epoch on a directory that was prepared, and one work that is done in it. */
export class TwoBerths implements AsyncDisposable {
  readonly one: BerthInProcess
  readonly other: BerthInProcess
  readonly before: Shown
  readonly after: Shown
  /** How the other does its work. */
  readonly stepped: SteppedWork
  /** What the disk of the one does; set by the test. */
  readonly hooks: { one: DiskHook }
  readonly #folder: TemporaryFolder
  #otherIsDead = false

  private constructor(
    parts: Pick<TwoBerths, 'one' | 'other' | 'before' | 'after' | 'changedKeys' | 'stepped' | 'hooks'>,
    folder: TemporaryFolder,
  ) {
    this.one = parts.one
    this.other = parts.other
    this.before = parts.before
    this.after = parts.after
    this.stepped = parts.stepped
    this.hooks = parts.hooks
    this.changedKeys = parts.changedKeys
    this.#folder = folder
  }

  static async start(work: Work, prepare: Scenario['prepare']): Promise<TwoBerths> {
    const folder = new TemporaryFolder({ inMemory: true })
    const root = folder.join('data')
    const expected = new ExpectedRegistry()
    const first = await BerthInProcess.start(root)
    await prepare(new RegistryWriter(first.client, expected), root)
    await first.stop()
    const wanted = expected.copy()
    work.change(wanted)
    const hooks: TwoBerths['hooks'] = { one: () => undefined }
    const stepped = new SteppedWork()
    const one = await BerthInProcess.start(root, { hook: (call, phase) => hooks.one(call, phase) })
    const other = await BerthInProcess.start(root, { hook: stepped.hook, metadata: (metadata) => stepped.watch(metadata) })
    stepped.begin()
    const after = expectedToShow(wanted)
    const was = expectedToShow(expected)
    const before = new Map([...after.keys()].map((key) => [key, was.get(key) ?? GONE]))
    const changed = [...after.keys()].filter((key) => after.get(key) !== before.get(key))
    const changedKeys = [...changed, ...(work.restoredKey === undefined ? [] : [work.restoredKey])]
    return new TwoBerths({ one, other, before, after, changedKeys, stepped, hooks }, folder)
  }

  get dataDirectory(): string {
    return this.#folder.join('data')
  }

  /** The names that the work changes. */
  readonly changedKeys: readonly string[]

  /** What may be seen while the work is under way, or when it died. */
  get either(): Allowed {
    return new Map([...this.after].map(([key, value]) => [key, new Set([value, this.before.get(key) ?? GONE])]))
  }

  /** What is wrong with what these processes show, and with what is stored; and claims that nobody has settled. */
  async problems(berths: readonly BerthInProcess[], allowed: Allowed): Promise<readonly string[]> {
    const layout = new StoredLayout(this.dataDirectory)
    const stored = exactly(layout.showing(this.after.keys()))
    const problems = [...layout.problems]
    for (const { client, opened } of berths) {
      const shown = await show(client, this.after.keys())
      problems.push(...wrongIn(shown, allowed), ...(await wrongLists(client, shown)))
      problems.push(...wrongIn(shown, stored).map((problem) => `unlike the storage: ${problem}`))
      const claims = await listClaimOwners(opened.metadata.read)
      problems.push(...claims.map(({ operation }) => `a claim of ${operation} is left`))
    }
    return problems
  }

  /** The other dies where its work has stopped. */
  async killOther(): Promise<void> {
    this.#otherIsDead = true
    await this.other.kill()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#otherIsDead) this.stepped.goOn()
    await this.one.stop()
    await this.other.stop()
    this.#folder[Symbol.dispose]()
  }
}

/** Does a work to its end through a fresh process. */
export async function lengthOf(work: Work, prepare: Scenario['prepare']): Promise<WorkLength> {
  await using berths = await TwoBerths.start(work, prepare)
  await work.send(berths.other.client)
  return berths.stepped.length
}
