import { listDutyHolders, releaseDuty, takeDuty } from '../metadata/duties.ts'
import type { Liveness } from '../metadata/processes.ts'
import type { Metadata } from '../metadata/query.ts'
import type { DutyState } from '../observe/duty-state.ts'
import { RepeatedTask, type RepeatedTaskOptions } from './repeated-task.ts'

const LOOK_EVERY_MS = 1_000

/** Background work that one process does for all processes of the storage. */
export interface Duty extends Pick<RepeatedTaskOptions, 'everyMs' | 'run'> {
  readonly name: string
}

export interface DutiesOptions {
  readonly duties: readonly Duty[]
  readonly metadata: Metadata
  readonly liveness: Liveness
  readonly processId: string
  /** A run of a duty failed, or the metadata did not answer. It is tried again. */
  readonly onFailure: (task: string, error: unknown) => void
}

/**
 * Shares out the duties: each has one holder, which is a row of the metadata. Each second a process takes those whose holder has
 * handed over or died, and looks whether it still holds its own: a duty that another process has taken ends here.
 */
export class Duties {
  readonly #options: DutiesOptions
  /** What this process works at. A duty whose run has not ended yet stays here, so that it is not begun twice. */
  readonly #held = new Map<string, RepeatedTask>()
  /** As the last look found it. */
  #withHolder: ReadonlySet<string> = new Set()
  #looking: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #isStopping = false

  constructor(options: DutiesOptions) {
    this.#options = options
  }

  start(): void {
    this.#tick()
    this.#timer = setInterval(() => this.#tick(), LOOK_EVERY_MS)
  }

  /** Ends the work of this process and hands over what it holds. Resolves when nothing of it runs any more. May be repeated. */
  async stop(): Promise<void> {
    this.#isStopping = true
    clearInterval(this.#timer)
    await this.#looking
    await Promise.all([...this.#held].map(([name, task]) => this.#handOver(name, task)))
  }

  /** How each duty is, as this process knows it. */
  states(): DutyState[] {
    return this.#options.duties.map(({ name }) => {
      const task = this.#held.get(name)
      const isHeldHere = task !== undefined
      const hasHolder = isHeldHere || this.#withHolder.has(name)
      return { name, hasHolder, isHeldHere, hasFailed: task?.hasFailed ?? false, finishedAtMs: task?.finishedAtMs }
    })
  }

  /** Takes what is free and ends what was lost. Called each second. */
  async look(): Promise<void> {
    const { metadata, liveness, processId, duties } = this.#options
    const holders = new Map((await listDutyHolders(metadata.read)).map(({ duty, process }) => [duty, process]))
    for (const [name, task] of this.#held) if (holders.get(name) !== processId) this.#end(name, task)
    const alive = new Set<string>()
    for (const process of new Set(holders.values())) if (await liveness.isAlive(process)) alive.add(process)
    const isFree = (holder: string | undefined) => holder === undefined || holder === processId || !alive.has(holder)
    const free = duties.filter(({ name }) => !this.#held.has(name) && isFree(holders.get(name)))
    const taken = free.length === 0 ? [] : await this.#take(free, holders)
    for (const duty of taken) this.#begin(duty)
    this.#withHolder = new Set(duties.flatMap(({ name }) => (alive.has(holders.get(name) ?? '') ? [name] : [])))
  }

  async #take(free: readonly Duty[], holders: ReadonlyMap<string, string>): Promise<Duty[]> {
    const { metadata, processId } = this.#options
    return await metadata.write(async (query) => {
      const taken: Duty[] = []
      for (const duty of free) if (await takeDuty(query, duty.name, processId, holders.get(duty.name))) taken.push(duty)
      return taken
    })
  }

  #begin({ name, everyMs, run }: Duty): void {
    this.#held.set(name, new RepeatedTask({ everyMs, run, onFailure: (error) => this.#options.onFailure(name, error) }))
  }

  /** The holder is another process now. */
  #end(name: string, task: RepeatedTask): void {
    void task.stop().finally(() => this.#held.delete(name))
  }

  async #handOver(name: string, task: RepeatedTask): Promise<void> {
    const { metadata, processId, onFailure } = this.#options
    await task.stop()
    this.#held.delete(name)
    // Where this fails the others take the duty when this process has ended.
    await metadata.write((query) => releaseDuty(query, name, processId)).catch((error: unknown) => onFailure(name, error))
  }

  #tick(): void {
    if (this.#isStopping) return
    this.#looking ??= this.look()
      .catch((error: unknown) => this.#options.onFailure('sharing out duties', error))
      .finally(() => {
        this.#looking = undefined
      })
  }
}
