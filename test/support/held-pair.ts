import { BerthInProcess } from './berth-in-process.ts'
import { HOUR_MS, passTime, TEST_POLICY } from './collecting.ts'
import type { DiskHook } from './held-disk.ts'
import { TemporaryFolder } from './temporary-folder.ts'

/** A process that collects and one that serves, on one directory, an hour after their start; or one process that does both. */
export class HeldPair implements AsyncDisposable {
  readonly folder = new TemporaryFolder({ inMemory: true })
  readonly #processes: 1 | 2
  collecting!: BerthInProcess
  serving!: BerthInProcess
  /** Is told of each call of either process to the disk, and may hold it. */
  hook: DiskHook = () => undefined

  private constructor(processes: 1 | 2) {
    this.#processes = processes
  }

  static async start(processes: 1 | 2): Promise<HeldPair> {
    const pair = new HeldPair(processes)
    pair.collecting = await pair.#startOne((call, phase) => pair.hook(call, phase))
    pair.serving = processes === 1 ? pair.collecting : await pair.#startOne((call, phase) => pair.hook(call, phase))
    await pair.collecting.scan()
    await passTime(pair.collecting, HOUR_MS)
    return pair
  }

  /** As `kill -9`. The process that is left does both then; after the only one another is started. It settles what the dead one did not end. */
  async kill(dying: BerthInProcess): Promise<void> {
    await dying.kill()
    const other = dying === this.serving ? this.collecting : this.serving
    const living = this.#processes === 1 ? await this.#startOne(() => undefined) : other
    this.collecting = living
    this.serving = living
    await living.sweep()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.serving.stop()
    await this.collecting.stop()
    this.folder[Symbol.dispose]()
  }

  async #startOne(hook: DiskHook): Promise<BerthInProcess> {
    return await BerthInProcess.start(this.folder.join('data'), { hook, collector: TEST_POLICY })
  }
}
