import { describe, expect, test } from 'bun:test'
import { someOf, triesAll } from '../support/effort.ts'
import { dyingAfter, Gate } from '../support/gate.ts'
import type { DiskHook } from '../support/held-disk.ts'
import { cutsOf } from '../support/power-cut.ts'
import { neighbourScenarios, type Scenario, survivorScenarios } from '../support/scenarios.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { Story } from '../support/story.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 300_000
/** After how many steps at most the next one is tried: chance picks some of them. */
const LONGEST_STRIDE = triesAll ? 1 : 90
const seed = seedFor('power cuts after a kill')

/**
 * One process is killed or held at some step, another one builds on what it sees of it and acknowledges; then the power fails. What is
 * visible is not durable for that reason: the first one may not have come to its sync.
 */
describe.each([
  ['keeps nothing that was not synced itself', false],
  ['keeps the names of a synced file', true],
] as const)('On a disk that %s, a power cut leaves what is acknowledged', (disk, syncsNames) => {
  // A run tries half of them on each disk.
  const half = (whose: string, all: readonly Scenario[]) =>
    someOf(`${whose} on a disk that ${disk}`, all, Math.ceil(all.length / 2)).map(
      (scenario) => [scenario.title, scenario] as const,
    )

  test.each(half('survivors', survivorScenarios))(
    'after another process has died: %s',
    async (_title, scenario) => {
      expect(await problemsOf(scenario, { syncsNames, isKilled: true })).toEqual([])
    },
    TEST_MS,
  )

  test.each(half('neighbours', neighbourScenarios))(
    'while another process is still at it: %s',
    async (_title, scenario) => {
      expect(await problemsOf(scenario, { syncsNames, isKilled: false })).toEqual([])
    },
    TEST_MS,
  )
})

interface Circumstances {
  readonly syncsNames: boolean
  readonly isKilled: boolean
}

async function problemsOf(scenario: Scenario, { syncsNames, isKilled }: Circumstances): Promise<readonly string[]> {
  const random = new SeededRandom(seed)
  const failures: string[] = []
  let isWhole = false
  for (let step = 0; !isWhole && failures.length < 10; step += 1 + random.below(LONGEST_STRIDE)) {
    using folder = new TemporaryFolder({ inMemory: true })
    const story = await Story.begin(folder, scenario, { syncsNames })
    isWhole = await stopAfter(story, step, isKilled)
    for (const cut of cutsOf(story.run, { from: story.from, random, everything: true })) {
      if (!cut.title.includes('what is durable, without a database')) continue
      const problems = await story.problemsAfter(cut, { withScan: false })
      failures.push(...problems.map((problem) => `stopped after step ${step}, ${cut.title}: ${problem}`))
    }
  }
  return failures
}

/** The first work stops after so many changes of the disk, the second is done by another process. True: nothing was stopped. */
async function stopAfter(story: Story, step: number, isKilled: boolean): Promise<boolean> {
  const [stopped, goingOn] = story.scenario.works
  if (stopped === undefined || goingOn === undefined) throw new Error('there are two works')
  const gate = new Gate()
  let hook: DiskHook = () => undefined
  const victim = await story.run.start({ hook: (call, phase) => hook(call, phase) })
  hook = dyingAfter(step, gate)
  const whole = story.do(stopped, victim).then(() => true)
  const isWhole = await Promise.race([whole, gate.reached().then(() => false)])
  if (isKilled) await victim.kill()
  const [left] = story.run.processes
  if (story.scenario.needsSweep === true) await left?.sweep()
  const acknowledged = story.do(goingOn, left)
  if (isKilled) await acknowledged
  const isAnswered = await Promise.race([acknowledged.then(() => true), story.run.waiting().then(() => isKilled)])
  story.from = story.run.moments.length - 1
  // What needs a name that a living one has waits until that one has gone on.
  if (!isAnswered) {
    gate.open()
    await Promise.all([whole, acknowledged])
  }
  await victim.kill()
  await story.run.finish()
  return isWhole
}
