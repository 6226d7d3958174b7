import { describe, expect, test } from 'bun:test'
import { Fleet } from '../support/fleet.ts'
import { PushBesideDelete } from '../support/push-beside-delete.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const RACES = Number(process.env.BERTH_TEST_RACES ?? 120)
const AT_ONCE = 6
const TIMEOUT_MS = Math.max(120_000, RACES * 600)

describe.each([1, 2])(
  'an image index, a manifest, a tag and a mount pushed beside a delete, through %d processes',
  (processes) => {
    test(
      'is never acknowledged with its content missing',
      async () => {
        using folder = new TemporaryFolder({ inMemory: true })
        await using fleet = new Fleet(folder, processes)
        await fleet.start()
        const random = new SeededRandom(seedFor(`pushes beside deletes through ${processes}`))
        const races = new PushBesideDelete({ random, anyClient: () => fleet.anyClient(random) })
        await races.fillLibrary()

        let next = 0
        const run = async () => {
          while (next < RACES && races.problems.length === 0) await races.race(next++)
        }
        await Promise.all(Array.from({ length: AT_ONCE }, run))

        const outcomes = [...races.outcomes].sort().map(([outcome, count]) => `${count} x ${outcome}`)
        process.stderr.write(`${RACES} races through ${processes}:\n  ${outcomes.join('\n  ')}\n`)
        expect(races.problems).toEqual([])
        await fleet.stop()
        expect(fleet.faults).toEqual([])
      },
      TIMEOUT_MS,
    )
  },
)
