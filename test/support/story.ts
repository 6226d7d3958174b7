import { BerthInProcess } from './berth-in-process.ts'
import { ExpectedRegistry } from './expected-registry.ts'
import { type Cut, rebuild } from './power-cut.ts'
import { RecordedRun } from './recorded-run.ts'
import { RegistryWriter } from './registry-writer.ts'
import type { Scenario, Work } from './scenarios.ts'
import { type Allowed, exactly, expectedToShow, GONE, type Shown, show, wrongIn, wrongLists } from './shown.ts'
import { StoredLayout } from './stored-layout.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

/** A scenario that has run on a recorded disk, and what each of its works wanted. */
export class Story {
  readonly scenario: Scenario
  readonly run: RecordedRun
  readonly before = new ExpectedRegistry()
  /** The first moment of the works. */
  from = 0
  readonly #after = new Map<string, Shown>()

  private constructor(folder: TemporaryFolder, scenario: Scenario, options: { readonly syncsNames: boolean }) {
    this.scenario = scenario
    this.run = new RecordedRun(folder, options)
  }

  /** Prepares the registry; the works are still to come. */
  static async begin(folder: TemporaryFolder, scenario: Scenario, options: { readonly syncsNames: boolean }): Promise<Story> {
    const story = new Story(folder, scenario, options)
    const first = await story.run.start()
    await scenario.prepare(new RegistryWriter(first.client, story.before), story.run.root)
    for (const work of scenario.works) {
      const wanted = story.before.copy()
      work.change(wanted)
      story.#after.set(work.name, expectedToShow(wanted))
    }
    story.from = scenario.fromTheStart ? 0 : story.run.moments.length
    return story
  }

  /** Lets the works run, all at once, each through a process of its own, to their acknowledgements. */
  async tell(): Promise<void> {
    const processes = [...this.run.processes]
    while (processes.length < this.scenario.works.length) processes.push(await this.run.start())
    await Promise.all(this.scenario.works.map((work, index) => this.do(work, processes[index])))
    await this.run.finish()
  }

  /** Resolves when the work is acknowledged. */
  async do(work: Work, process: BerthInProcess | undefined): Promise<void> {
    if (process === undefined) throw new Error('each work has a process')
    await work.send(process.client)
    this.run.acknowledge(work.name)
  }

  get keys(): ReadonlySet<string> {
    return new Set([...this.#after.values()].flatMap((shown) => [...shown.keys()]))
  }

  /** Makes the data directory what the cut left, starts on it, and tells everything that is wrong then and after a second try. */
  async problemsAfter(cut: Cut, options: { readonly withScan: boolean }): Promise<readonly string[]> {
    rebuild(this.run, cut)
    const torn = this.#layoutProblems()
    if (torn.length > 0) return torn
    await using berth = await BerthInProcess.start(this.run.root)
    const shown = await show(berth.client, this.keys)
    const wrong = [...wrongIn(shown, this.allowedAfter(cut.acknowledged)), ...(await wrongLists(berth.client, shown))]
    if (wrong.length > 0) return wrong
    const stored = new StoredLayout(this.run.root).showing(this.keys)
    const differs = wrongIn(shown, exactly(stored)).map((problem) => `unlike the storage: ${problem}`)
    if (differs.length > 0) return differs
    if (options.withScan) {
      await berth.scan()
      const changed = wrongIn(await show(berth.client, this.keys), exactly(shown))
      if (changed.length > 0) return changed.map((problem) => `after the scan: ${problem}`)
    }
    return await this.#problemsAfterRetry(berth)
  }

  /** A name that only works in flight change may be as before or as one of them wants; an acknowledged one has had its way. */
  allowedAfter(acknowledged: ReadonlySet<string>): Allowed {
    const was = expectedToShow(this.before)
    const allowed = new Map<string, Set<string>>()
    for (const [, { key, old, value }] of this.#changes(was)) {
      allowed.set(key, (allowed.get(key) ?? new Set([old])).add(value))
    }
    for (const [name, { key, old, value }] of this.#changes(was)) {
      if (acknowledged.has(name) && value !== old) allowed.get(key)?.delete(old)
    }
    return allowed
  }

  *#changes(was: Shown) {
    for (const [name, shown] of this.#after) {
      for (const [key, value] of shown) yield [name, { key, value, old: was.get(key) ?? GONE }] as const
    }
  }

  /** The client does it all again. */
  async #problemsAfterRetry(berth: BerthInProcess): Promise<readonly string[]> {
    for (const work of this.scenario.works) {
      try {
        await work.send(berth.client)
      } catch (error) {
        if (!work.mayBeGone || !String(error).includes('answered 404')) return [`the retry of ${work.name}: ${error}`]
      }
    }
    const shown = await show(berth.client, this.keys)
    const allowed = this.allowedAfter(new Set(this.scenario.works.map((work) => work.name)))
    const wrong = [...wrongIn(shown, allowed), ...(await wrongLists(berth.client, shown))]
    const layout = new StoredLayout(this.run.root)
    const differs = wrongIn(shown, exactly(layout.showing(this.keys)))
    return [...wrong, ...layout.problems, ...differs].map((problem) => `after the retry: ${problem}`)
  }

  #layoutProblems(): readonly string[] {
    const { damaged = [] } = this.scenario
    return new StoredLayout(this.run.root).problems.filter((problem) => !damaged.some((words) => problem.includes(words)))
  }
}
