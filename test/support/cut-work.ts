import { rmSync } from 'node:fs'
import { BerthInProcess, type InProcessOptions, metadataPath } from './berth-in-process.ts'
import { SteppedWork } from './stepped-work.ts'

export interface CutWork {
  readonly options?: InProcessOptions
  /** What is done before the first step that counts. */
  readonly before: (berth: BerthInProcess) => Promise<unknown>
  readonly work: (berth: BerthInProcess) => Promise<unknown>
}

/** Where a work is cut: after so many changes of the disk, or after so many transactions. */
export interface Cut {
  readonly steps: 'changes' | 'transactions'
  readonly after: number
}

/** Every cut of a work, each in a folder of its own, with `kill -9` at that step; then `use` looks at what is left. Gives how many there were. */
export async function cutEverywhere(
  work: CutWork,
  { rootOf, stride = 1 }: { readonly rootOf: (cut: Cut) => string; readonly stride?: number },
  use: (root: string, cut: Cut) => Promise<void>,
): Promise<number> {
  let cuts = 0
  for (const steps of ['changes', 'transactions'] as const) {
    for (let after = 0, isCut = true; isCut; after += stride) {
      const cut = { steps, after }
      const root = rootOf(cut)
      isCut = await cutAt(cut, root, work)
      await use(root, cut)
      cuts += 1
    }
  }
  return cuts
}

export function loseDatabase(root: string): void {
  for (const end of ['', '-wal', '-shm']) rmSync(metadataPath(root) + end, { force: true })
}

/** False when the work had come to its end. */
async function cutAt({ steps, after }: Cut, root: string, { options, before, work }: CutWork): Promise<boolean> {
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
