import { expect, test } from 'bun:test'
import type { BerthInProcess } from '../support/berth-in-process.ts'
import { triesAll } from '../support/effort.ts'
import { type Scenario, singleWorks, type Work } from '../support/scenarios.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { exactly, notAllowedIn, show } from '../support/shown.ts'
import type { WorkLength } from '../support/stepped-work.ts'
import { lengthOf, TwoBerths } from '../support/two-berths.ts'

const TEST_MS = 120_000

/** What the process that is left knows of the repositories: then it believes its rows, or it looks. */
type Knowledge = 'has seen everything' | 'has seen nothing'
/** How it comes upon the claims of the dead. */
type Encounter = 'by the sweep' | 'by the same request, sent again'

const SURVIVORS: readonly (readonly [Knowledge, Encounter])[] = [
  ['has seen everything', 'by the sweep'],
  ['has seen nothing', 'by the same request, sent again'],
  ['has seen nothing', 'by the sweep'],
  ['has seen everything', 'by the same request, sent again'],
]
/** After how many of a work's steps its process is killed, picked by chance. */
const MOST_STEPS = triesAll ? Number.POSITIVE_INFINITY : 4
const random = new SeededRandom(seedFor('an owner killed'))

test.each(singleWorks.map(([work, prepare]) => [work.name, work, prepare] as const))(
  '%s of a process that was killed after any of its steps is settled by the one that is left',
  async (_name, work, prepare) => {
    const length = await lengthOf(work, prepare)
    const failures: string[] = []
    for (const step of random.some([...Array(length.changes + 1).keys()], MOST_STEPS)) {
      for (const [index, [knowledge, encounter]] of SURVIVORS.entries()) {
        // Else each step is survived in one of the ways, in turn.
        if (!triesAll && step % SURVIVORS.length !== index && length.changes > SURVIVORS.length * 2) continue
        const problems = await problemsOf({ work, prepare, knowledge, encounter, step, length })
        const where = `after step ${step} of ${length.changes}, by one that ${knowledge}, ${encounter}`
        failures.push(...problems.map((problem) => `${where}: ${problem}`))
      }
      if (failures.length > 20) break
    }

    expect(failures).toEqual([])
  },
  TEST_MS,
)

interface Death {
  readonly work: Work
  readonly prepare: Scenario['prepare']
  readonly knowledge: Knowledge
  readonly encounter: Encounter
  readonly step: number
  readonly length: WorkLength
}

async function problemsOf({ work, prepare, knowledge, encounter, step, length }: Death): Promise<readonly string[]> {
  await using berths = await TwoBerths.start(work, prepare)
  const { one, other, stepped, either } = berths
  if (knowledge === 'has seen everything') await one.scan()
  if (step < length.changes) stepped.limitChanges(step)
  else stepped.limitWrites(length.writes - 1)
  const working = work.send(other.client)
  // What runs side by side may have shared a step: then it is done before it could be stopped.
  await Promise.race([stepped.stopped(), working])
  await berths.killOther()

  const problems = notAllowedIn(await show(one.client, either.keys()), either).map((problem) => `at once: ${problem}`)
  if (encounter === 'by the sweep') {
    await one.sweep()
    problems.push(...(await berths.problems([one], either)).map((problem) => `settled: ${problem}`))
  }
  const sentAgain = await sendAgain(work, one)
  const shown = await show(one.client, berths.after.keys())
  problems.push(...sentAgain, ...notAllowedIn(shown, exactly(berths.after)).map((problem) => `sent again: ${problem}`))
  // A claim that is shared, or on a name that is gone now, was in nobody's way.
  await one.sweep()
  return [...problems, ...(await berths.problems([one], exactly(berths.after))).map((problem) => `in the end: ${problem}`)]
}

async function sendAgain(work: Work, { client }: BerthInProcess): Promise<readonly string[]> {
  try {
    await work.send(client)
    return []
  } catch (error) {
    return work.mayBeGone === true && String(error).includes('answered 404') ? [] : [`sent again: ${error}`]
  }
}
