import { expect, test } from 'bun:test'
import { RepeatedTask } from './repeated-task.ts'

const HOUR_MS = 60 * 60 * 1000

/** The failures of a task that is stopped while it runs, and then throws what `thrown` gives. */
async function failuresOf(thrown: (signal: AbortSignal) => unknown): Promise<readonly unknown[]> {
  const failures: unknown[] = []
  const begun = Promise.withResolvers<void>()
  const task = new RepeatedTask({
    everyMs: HOUR_MS,
    onFailure: (error) => failures.push(error),
    run: async (signal) => {
      begun.resolve()
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      throw thrown(signal)
    },
  })
  await begun.promise
  await task.stop()
  return failures
}

test('a task that ends by the reason of its stop has not failed', async () => {
  expect(await failuresOf(({ reason }) => reason)).toEqual([])
})

test('a task that fails while it is stopped has failed', async () => {
  const error = new Error('unplugged')

  expect(await failuresOf(() => error)).toEqual([error])
})
