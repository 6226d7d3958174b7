import { berthLayout } from '../../storage/layout.ts'
import type { RecordStorage } from './record-storage.ts'

/** What the generation is at a moment. */
export interface GenerationState {
  /** Another text than after every other change. */
  readonly mark: string
  /** A process is changing records, or died while doing so: the next look may read something else. */
  readonly isChanging: boolean
}

const CHANGING = 'changing'
const SETTLED = 'settled'
const SHORTEST = 16
const LENGTHS = 4096

/**
 * One small file that differs after each change of an account, so that every process learns of it with one stat. It is written before
 * a change and after it: one who looks in between, or after a writer has died half-way, knows that nothing may be remembered.
 *
 * Its length is another one each time. Times do not suffice: two changes may fall into one tick of a file system's clock.
 */
export class Generation {
  readonly #storage: RecordStorage
  #last: GenerationState | undefined

  constructor(storage: RecordStorage) {
    this.#storage = storage
  }

  /** One stat; the file is read only when it has changed. */
  async look(): Promise<GenerationState> {
    const entry = await this.#storage.stat(berthLayout.generation)
    const mark = entry === undefined ? 'none' : `${entry.size} ${entry.changedAtMs}`
    if (this.#last?.mark === mark && !this.#last.isChanging) return this.#last
    const isChanging = entry !== undefined && (await this.#read()).startsWith(CHANGING)
    this.#last = { mark, isChanging }
    return this.#last
  }

  /** Runs a change that no other runs beside. One that fails may have changed something. */
  async change<Result>(work: () => Promise<Result>): Promise<Result> {
    await this.#write(CHANGING)
    try {
      return await work()
    } finally {
      await this.#write(SETTLED)
    }
  }

  /** Ends the change of a writer who died half-way. Called while no other change runs. */
  async settle(): Promise<void> {
    if ((await this.look()).isChanging) await this.#write(SETTLED)
  }

  async #read(): Promise<string> {
    const bytes = await this.#storage.readSmall(berthLayout.generation, SHORTEST + LENGTHS)
    return bytes === undefined ? CHANGING : new TextDecoder().decode(bytes)
  }

  async #write(state: string): Promise<void> {
    const length = (await this.#storage.stat(berthLayout.generation))?.size ?? 0
    const next = SHORTEST + ((length - SHORTEST + 1) % LENGTHS)
    const bytes = new TextEncoder().encode(`${state.padEnd(Math.max(next, SHORTEST) - 1)}\n`)
    await this.#storage.place([{ directory: berthLayout.access, files: [{ name: 'generation', bytes, secret: true }] }])
  }
}
