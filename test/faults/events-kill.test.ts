import { expect, test } from 'bun:test'
import { processCounts, triesAll } from '../support/effort.ts'
import { eventStorm } from '../support/event-storm.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** 10,000 with `BERTH_TEST_EFFORT=all`. */
const PUSHES = triesAll ? 10_000 : 150
const TEST_MS = 120_000 + PUSHES * 100

test.each(processCounts('events of what is killed'))(
  `%i processes, one killed each second while ${PUSHES} manifests are pushed and other endpoints fail: what is well has the event of each push, in order`,
  async (processes) => {
    using folder = new TemporaryFolder()

    const figures = await eventStorm({ folder, processes, pushes: PUSHES })

    expect(figures.pushes).toBeGreaterThanOrEqual(PUSHES)
  },
  TEST_MS,
)
