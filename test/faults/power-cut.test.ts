import { describe, expect, test } from 'bun:test'
import { someOf, triesAll } from '../support/effort.ts'
import { cutsOf } from '../support/power-cut.ts'
import { scenarios } from '../support/scenarios.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { Story } from '../support/story.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 300_000
/** Every cut with every database takes a quarter of an hour; else chance picks so many of each scenario. */
const MOST_CUTS = triesAll ? Number.POSITIVE_INFINITY : 4
const seed = seedFor('power cuts')

describe.each([
  ['keeps nothing that was not synced itself', false],
  ['keeps the names of a synced file', true],
] as const)('On a disk that %s, a power cut or kill -9 at any step of', (disk, syncsNames) => {
  // A run tries half of them on each disk.
  const tried = someOf(`scenarios on a disk that ${disk}`, scenarios, Math.ceil(scenarios.length / 2))

  test.each(tried.map((scenario) => [scenario.title, scenario] as const))(
    '%s loses nothing acknowledged and shows nothing half-done',
    async (_title, scenario) => {
      using folder = new TemporaryFolder({ inMemory: true })
      const story = await Story.begin(folder, scenario, { syncsNames })
      await story.tell()

      const random = new SeededRandom(seed)
      const failures: string[] = []
      const possible = [...cutsOf(story.run, { from: story.from, random, everything: triesAll, onlyOfThisDisk: syncsNames })]
      const cuts = random.some(possible, MOST_CUTS)
      for (const cut of cuts) {
        const problems = await story.problemsAfter(cut, { withScan: triesAll || random.chance(0.2) })
        failures.push(...problems.map((problem) => `${cut.title}: ${problem}`))
        if (failures.length > 20) break
      }

      expect(failures).toEqual([])
      // The second disk gets what chance leaves of a short work: the cuts after which it looks other than the first one.
      expect(cuts.length).toBeGreaterThanOrEqual(syncsNames ? 1 : 4)
    },
    TEST_MS,
  )
})
