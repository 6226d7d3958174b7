import { BerthInProcess } from './berth-in-process.ts'
import { HOUR_MS, passTime, TEST_POLICY } from './collecting.ts'
import type { DiskHook } from './held-disk.ts'
import { HeldWrites } from './held-writes.ts'
import { TemporaryFolder } from './temporary-folder.ts'
import type { TestRoot } from './test-root.ts'

/** A process that collects and one that serves, on one directory or bucket, an hour after their start; or one process that does both. */
export class HeldPair implements AsyncDisposable {
  readonly folder = new TemporaryFolder({ inMemory: true })
  readonly root: TestRoot
  readonly #processes: 1 | 2
  collecting!: BerthInProcess
  serving!: BerthInProcess
  /** Is told of each call of either process to the disk, and may hold it. */
  hook: DiskHook = () => undefined
  /** What the collecting process writes to the metadata, which a test may hold. */
  readonly writes = new HeldWrites()

  private constructor(processes: 1 | 2, root: TestRoot | undefined) {
    this.#processes = processes
    this.root = root ?? this.folder.join('data')
  }

  /** `root`: left out, a directory of their own. */
  static async start(processes: 1 | 2, root?: TestRoot): Promise<HeldPair> {
    const pair = new HeldPair(processes, root)
    pair.collecting = await pair.#startOne((call, phase) => pair.hook(call, phase), pair.writes)
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

  async #startOne(hook: DiskHook, writes = new HeldWrites()): Promise<BerthInProcess> {
    return await BerthInProcess.start(this.root, {
      hook,
      collector: TEST_POLICY,
      metadata: (metadata) => writes.watch(metadata),
    })
  }
}
