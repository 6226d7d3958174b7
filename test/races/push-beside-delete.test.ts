import { describe, expect, test } from 'bun:test'
import { processCounts, triesAll } from '../support/effort.ts'
import { Fleet } from '../support/fleet.ts'
import { describeOnStores } from '../support/object-store.ts'
import { PushBesideDelete } from '../support/push-beside-delete.ts'
import type { BucketData } from '../support/registry-config.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const ASKED_FOR = process.env.BERTH_TEST_RACES
const RACES = Number(ASKED_FOR ?? (triesAll ? 120 : 30))
const RACES_ON_BUCKET = Number(ASKED_FOR ?? (triesAll ? 36 : 10))
const AT_ONCE = 6
const TIMEOUT_MS = Math.max(120_000, RACES * 900)

describe('an image index, a manifest, a tag and a mount pushed beside a delete are never acknowledged with their content missing', () => {
  test.each(processCounts('a push beside a delete, in a directory'))(
    'in a directory, through %d processes',
    async (processes) => await raceAll(`directory, ${processes}`, { processes, races: RACES }),
    TIMEOUT_MS,
  )

  describeOnStores('in a bucket', (store) => {
    test.each(processCounts('a push beside a delete, in a bucket'))(
      'through %d processes',
      async (processes) => {
        const bucket = await store().newBucket()
        await raceAll(`bucket, ${processes}`, { processes, races: RACES_ON_BUCKET, bucket })
      },
      TIMEOUT_MS,
    )
  })
})

interface Races {
  readonly processes: number
  readonly races: number
  readonly bucket?: BucketData
}

async function raceAll(where: string, { processes, races, bucket }: Races): Promise<void> {
  using folder = new TemporaryFolder({ inMemory: true })
  await using fleet = new Fleet(folder, processes, { bucket })
  await fleet.start()
  const random = new SeededRandom(seedFor(`pushes beside deletes: ${where}`))
  const raced = new PushBesideDelete({ random, anyClient: () => fleet.anyClient(random) })
  await raced.fillLibrary()

  let next = 0
  const run = async () => {
    while (next < races && raced.problems.length === 0) await raced.race(next++)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, run))

  const outcomes = [...raced.outcomes].sort().map(([outcome, count]) => `${count} x ${outcome}`)
  process.stderr.write(`${races} races (${where}):\n  ${outcomes.join('\n  ')}\n`)
  await fleet.stop()
  expect({ problems: raced.problems, faults: fleet.faults }).toEqual({ problems: [], faults: [] })
  // Each push beside each delete, whatever the chance of the run is.
  expect(raced.kinds.size).toBe(Math.min(races, 12))
}
