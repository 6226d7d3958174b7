import { expect, test } from 'bun:test'
import { HURRIED_BERTH } from '../support/berth-program.ts'
import { triesAll } from '../support/effort.ts'
import { eventStorm } from '../support/event-storm.ts'
import { describeOnStores } from '../support/object-store.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const PUSHES = triesAll ? 10_000 : 50
const TEST_MS = 180_000 + PUSHES * 200

describeOnStores(
  'Events',
  (store) => {
    test(
      `of ${PUSHES} pushes come, in order, to what is well, while Berth is killed each second and other endpoints fail`,
      async () => {
        using folder = new TemporaryFolder()
        const bucket = await store().newBucket()

        const figures = await eventStorm({ folder, dataDirectory: bucket, berth: HURRIED_BERTH, processes: 1, pushes: PUSHES })

        expect(figures.pushes).toBeGreaterThanOrEqual(PUSHES)
      },
      TEST_MS,
    )
  },
  ['seaweedfs'],
)
