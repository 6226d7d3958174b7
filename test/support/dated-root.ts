import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { DAY_MS } from './collecting.ts'
import type { RootOptions, TestRoot } from './test-root.ts'

/** A root whose files are as old as the test says by the days that it lets pass: for the machine, and for a store, no time passes. */
export class DatedRoot {
  readonly root: TestRoot
  /** The day on which each object of a bucket was written. */
  readonly #writtenOn = new Map<string, number>()
  #today = 0
  /** The day on which the clock of the database began to be that of the machine. */
  #began = 0

  constructor(root: TestRoot) {
    this.root = root
  }

  get options(): Pick<RootOptions, 'hook' | 'changedAt'> {
    return {
      hook: (call, phase) => {
        const [, key] = /^put (.*)$/.exec(call) ?? []
        if (key !== undefined && phase === 'after') this.#writtenOn.set(key, this.#today)
        return undefined
      },
      changedAt: (key, ms) => ms + ((this.#writtenOn.get(key) ?? 0) - this.#began) * DAY_MS,
    }
  }

  /** What it writes is of this day. */
  async on(day: number, happen: () => Promise<unknown>): Promise<void> {
    this.#today = day
    const before = this.#timesOfFiles()
    await happen()
    for (const [path, ms] of this.#timesOfFiles()) if (before.get(path) !== ms) setTime(path, ms + this.#sinceBegan)
  }

  /** The database is a new one, and its clock that of the machine. */
  databaseLost(): void {
    for (const [path, ms] of this.#timesOfFiles()) setTime(path, ms - this.#sinceBegan)
    this.#began = this.#today
  }

  get #sinceBegan(): number {
    return (this.#today - this.#began) * DAY_MS
  }

  /** Of a directory. */
  #timesOfFiles(): ReadonlyMap<string, number> {
    const root = typeof this.root === 'string' ? join(this.root, 'docker') : undefined
    const names = root !== undefined && existsSync(root) ? readdirSync(root, { recursive: true }) : []
    return new Map(names.map((name) => join(root ?? '', String(name))).map((path) => [path, statSync(path).mtimeMs]))
  }
}

function setTime(path: string, ms: number): void {
  utimesSync(path, ms / 1000, ms / 1000)
}
