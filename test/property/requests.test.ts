import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import fc from 'fast-check'
import { listen } from '../../src/http/server/server.ts'
import { ModelRun } from '../support/model-run.ts'
import { type Step, sequences } from '../support/model-steps.ts'
import { PROPERTY_TIMEOUT_MS, runs } from '../support/property-runs.ts'
import { type RestartableOptions, RestartableRegistry } from '../support/restartable-registry.ts'

setDefaultTimeout(PROPERTY_TIMEOUT_MS)

/** Whatever is asked in whatever order, across restarts, each answer is the model's; in the end everything is asked once more. */
async function expectAsTheModelSays(options: RestartableOptions, steps: readonly Step[]): Promise<void> {
  await using registry = await RestartableRegistry.start(options)
  const run = new ModelRun(registry)
  for (const [index, step] of steps.entries()) {
    await run.take(step).catch((cause: unknown) => {
      throw new Error(
        `step ${index} of ${steps.length}, ${JSON.stringify(step)}: ${cause instanceof Error ? cause.message : cause}`,
        { cause },
      )
    })
  }
  await run.expectAll()
  await run.take({ name: 'restart', database: 'gone', maintenance: 'off' })
  await run.expectAll()
  expect(registry.log.lines.filter(({ level }) => level === 'error')).toEqual([])
}

describe('any sequence of requests is answered as the model says', () => {
  test.each([
    ['on a storage in memory', { storage: 'inmemory' }, { usual: 25, maxSteps: 120 }],
    ['on a file system', { storage: 'filesystem' }, { usual: 10, maxSteps: 60 }],
    ['over a socket', { storage: 'filesystem', server: listen }, { usual: 4, maxSteps: 60 }],
  ] as const)('%s', async (_, options, { usual, maxSteps }) => {
    const property = fc.asyncProperty(sequences(maxSteps), (steps) => expectAsTheModelSays(options, steps))
    await fc.assert(property, runs(usual))
  })
})
