import { describe, expect, test } from 'bun:test'
import { dyingAfter, Gate } from '../support/gate.ts'
import type { DiskHook } from '../support/held-disk.ts'
import { cutsOf } from '../support/power-cut.ts'
import { survivorScenarios } from '../support/scenarios.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { Story } from '../support/story.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 300_000
/** Without this variable some of the steps are left to chance. */
const everything = process.env.BERTH_TEST_ALL_CUTS === 'true'
const seed = seedFor('power cuts after a kill')

/**
 * One process is killed at some step, another one settles what it left, builds on it and acknowledges; then the power fails. What was
 * visible is not durable for that reason: the dead one may not have come to its sync.
 */
describe.each([
  ['keeps nothing that was not synced itself', false],
  ['keeps the names of a synced file', true],
] as const)('On a disk that %s, a power cut leaves', (_, syncsNames) => {
  test.each(survivorScenarios.map((scenario) => [scenario.title, scenario] as const))(
    'what is acknowledged after another process died: %s',
    async (_title, scenario) => {
      const random = new SeededRandom(seed)
      const failures: string[] = []
      let isWhole = false
      for (let step = 0; !isWhole && failures.length < 10; step += everything ? 1 : 1 + random.below(3)) {
        using folder = new TemporaryFolder({ inMemory: true })
        const story = await Story.begin(folder, scenario, { syncsNames })
        isWhole = await killAfter(story, step)
        for (const cut of cutsOf(story.run, { from: story.from, random, everything: true })) {
          if (!cut.title.includes('what is durable, without a database')) continue
          const problems = await story.problemsAfter(cut, { withScan: false })
          failures.push(...problems.map((problem) => `killed after step ${step}, ${cut.title}: ${problem}`))
        }
      }

      expect(failures).toEqual([])
    },
    TEST_MS,
  )
})

/** The first work dies after so many changes of the disk, the second is done by the process that is left. True: nothing died. */
async function killAfter(story: Story, step: number): Promise<boolean> {
  const [doomed, survivor] = story.scenario.works
  if (doomed === undefined || survivor === undefined) throw new Error('there are two works')
  const died = new Gate()
  let hook: DiskHook = () => undefined
  const victim = await story.run.start({ hook: (call, phase) => hook(call, phase) })
  hook = dyingAfter(step, died)
  const whole = story.do(doomed, victim).then(() => true)
  const isWhole = await Promise.race([whole, died.reached().then(() => false)])
  await victim.kill()
  const [left] = story.run.processes
  if (story.scenario.needsSweep === true) await left?.sweep()
  await story.do(survivor, left)
  story.from = story.run.moments.length - 1
  await story.run.finish()
  return isWhole
}
