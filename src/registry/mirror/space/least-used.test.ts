import { expect, test } from 'bun:test'
import { BerthInProcess } from '../../../../test/support/berth-in-process.ts'
import { LongestTurn } from '../../../../test/support/longest-turn.ts'
import { TemporaryFolder } from '../../../../test/support/temporary-folder.ts'
import { LeastUsed } from './least-used.ts'

const REPOSITORIES = 250

test('a look at many small repositories of a mirror lets others have their turn between them', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  await using berth = await BerthInProcess.start(folder.join('data'))
  const { metadata, epoch } = berth.opened
  const numbers = JSON.stringify(Array.from({ length: REPOSITORIES }, (_, number) => number + 1))
  await metadata.write(async (query) => {
    await query.run(
      "INSERT INTO repository (id, name, scanned_epoch) SELECT value, 'hub/app-' || value, ? FROM json_each(?)",
      ...[epoch, numbers],
    )
    await query.run(
      `INSERT INTO manifest (repository_id, digest, held, linked, number, epoch)
       SELECT value, 'sha256:' || printf('%064d', value), 1, 1, 1, ? FROM json_each(?)`,
      ...[epoch, numbers],
    )
  })
  const turns = new LongestTurn()
  const leastUsed = new LeastUsed({
    metadata: { read: turns.watch(metadata.read), revision: () => metadata.revision(), write: (work) => metadata.write(work) },
    ...{ prefix: 'hub', isKept: () => false, staying: { has: () => false } },
  })

  let found = 0
  const { longestMs, tookMs } = await turns.during(async () => {
    found = (await leastUsed.find(new AbortController().signal)).length
  })

  expect(found).toBe(REPOSITORIES)
  expect(longestMs).toBeLessThan(20)
  expect(tookMs).toBeGreaterThan(2 * REPOSITORIES)
})
