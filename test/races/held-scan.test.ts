import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { BerthInProcess } from '../support/berth-in-process.ts'
import { triesAll } from '../support/effort.ts'
import { Gate } from '../support/gate.ts'
import type { DiskHook } from '../support/held-disk.ts'
import { doubleWorks, type Scenario, singleWorks, type Work } from '../support/scenarios.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { exactly, partsOf, show } from '../support/shown.ts'
import type { SteppedWork, WorkLength } from '../support/stepped-work.ts'
import { lengthOf, TwoBerths } from '../support/two-berths.ts'

const TEST_MS = 120_000

/** How far the other's work is when the storage is read, and when the row is written: `done` is after the acknowledgement. */
const PROGRESS = ['not begun', 'claimed', 'half', 'before the confirm', 'done'] as const
type Progress = (typeof PROGRESS)[number]

const MOMENTS = PROGRESS.flatMap((read, index) => PROGRESS.slice(index).map((written) => [read, written] as const))

/** How many of them are tried for each work, picked by chance. */
const MOST_MOMENTS = triesAll ? MOMENTS.length : 2
const random = new SeededRandom(seedFor('a held scan'))

interface Reader {
  readonly look: (berth: BerthInProcess, key: string) => Promise<void>
  /** It looks only at what it has found in a list. */
  readonly lists: boolean
}

/** One name is asked for, or everything is looked at. */
const READERS: Readonly<Record<string, Reader>> = {
  'a heal': { look: async ({ client }, key) => void (await show(client, [key])), lists: false },
  'a scan': { look: async (berth) => await berth.scan(), lists: true },
}

describe.each(Object.entries(READERS))('%s that is held between reading and writing', (_, reader) => {
  test.each([...singleWorks, ...doubleWorks].map(([work, prepare]) => [work.name, work, prepare] as const))(
    'believes the other process about %s',
    async (_name, work, prepare) => {
      const length = await lengthOf(work, prepare)
      const failures: string[] = []
      for (const [read, written] of random.some(MOMENTS, MOST_MOMENTS)) {
        const problems = await problemsOf({ work, prepare, length, reader, read, written })
        failures.push(...problems.map((problem) => `read ${read}, written ${written}: ${problem}`))
      }

      expect(failures).toEqual([])
    },
    TEST_MS,
  )
})

interface Race {
  readonly work: Work
  readonly prepare: Scenario['prepare']
  readonly length: WorkLength
  readonly reader: Reader
  readonly read: Progress
  readonly written: Progress
}

async function problemsOf({ work, prepare, length, reader, read, written }: Race): Promise<readonly string[]> {
  await using berths = await TwoBerths.start(work, prepare)
  const held = new Gate()
  const paths = berths.changedKeys.map((key) => join(berths.dataDirectory, pathOf(key)))
  let working: Promise<void> | undefined
  const goTo = async (progress: Progress) => {
    if (progress === 'not begun') return
    limit(berths.stepped, progress, length)
    working ??= work.send(berths.other.client)
    await (progress === 'done' ? working : berths.stepped.stopped())
  }

  await goTo(read)
  const index = reader.lists ? paths.findIndex((path) => existsSync(path)) : 0
  berths.hooks.one = holdLastLookAt(paths[index], held)
  const looking = reader.look(berths.one, berths.changedKeys[index] ?? '')
  // What a list does not show is not looked at.
  if (index >= 0) await Promise.race([held.reached(), looking])
  if (written !== read) await goTo(written)
  held.open()
  // A scan waits for the writers whose claims it has met.
  if (written === 'done') await looking
  await goTo('done')
  await looking

  return await berths.problems([berths.one, berths.other], exactly(berths.after))
}

function limit(stepped: SteppedWork, progress: Exclude<Progress, 'not begun'>, { changes, writes }: WorkLength): void {
  if (progress === 'claimed') stepped.limitChanges(0)
  else if (progress === 'half') stepped.limitChanges(Math.floor(changes / 2))
  else if (progress === 'before the confirm') stepped.limitWrites(writes - 1)
  else stepped.goOn()
}

/** Holds the call that tells what is at a path: the read of what is there, or the stat that finds nothing. */
function holdLastLookAt(path: string | undefined, gate: Gate): DiskHook {
  let isUsed = false
  return (call, phase) => {
    if (isUsed || phase !== 'after' || path?.endsWith(call.slice(call.indexOf(' ') + 1)) !== true) return undefined
    if (!call.startsWith('read ') && !(call.startsWith('stat ') && !existsSync(path))) return undefined
    isUsed = true
    return gate.pass()
  }
}

function pathOf(key: string): string {
  const { kind, repository, name } = partsOf(key)
  const digest = name.replace(':', '/')
  if (kind === 'tag') return `docker/registry/v2/repositories/${repository}/_manifests/tags/${name}/current/link`
  if (kind === 'manifest') return `docker/registry/v2/repositories/${repository}/_manifests/revisions/${digest}/link`
  return `docker/registry/v2/repositories/${repository}/_layers/${digest}/link`
}
