import { BerthInProcess, type InProcessOptions } from './berth-in-process.ts'
import { SteppedWork } from './stepped-work.ts'
import type { TestRoot } from './test-root.ts'

export interface CutWork {
  readonly options?: InProcessOptions
  /** What is done before the first step that counts. */
  readonly before: (berth: BerthInProcess) => Promise<unknown>
  readonly work: (berth: BerthInProcess) => Promise<unknown>
}

/** Where a work is cut: after so many changes of the storage, or after so many transactions. */
export interface Cut {
  readonly steps: 'changes' | 'transactions'
  readonly after: number
}

export interface CutRoots {
  /** Where the work is done and cut. */
  readonly rootOf: (cut: Cut) => TestRoot | Promise<TestRoot>
  readonly stride?: number
  /** The first cut of each kind of step, below the stride. */
  readonly first?: number
}

/** Every cut of a work, each on a root of its own, with `kill -9` at that step; then `use` looks at what is left. Gives how many there were. */
export async function cutEverywhere(
  work: CutWork,
  { rootOf, stride = 1, first = 0 }: CutRoots,
  use: (root: TestRoot, cut: Cut) => Promise<void>,
): Promise<number> {
  let cuts = 0
  for (const steps of ['changes', 'transactions'] as const) {
    for (let after = first, isCut = true; isCut; after += stride) {
      const cut = { steps, after }
      const root = await rootOf(cut)
      isCut = await cutAt(cut, root, work)
      await use(root, cut)
      cuts += 1
    }
  }
  return cuts
}

/** Does a work up to a step, and kills its process there. False when the work had come to its end. */
export async function cutAt({ steps, after }: Cut, root: TestRoot, { options, before, work }: CutWork): Promise<boolean> {
  const stepped = new SteppedWork()
  const berth = await BerthInProcess.start(root, {
    ...options,
    hook: stepped.hook,
    metadata: (metadata) => stepped.watch(metadata),
  })
  await before(berth)
  stepped.begin()
  if (steps === 'changes') stepped.limitChanges(after)
  else stepped.limitWrites(after)
  const isDone = await Promise.race([stepped.stopped().then(() => false), work(berth).then(() => true)])
  await berth.kill()
  return !isDone
}
