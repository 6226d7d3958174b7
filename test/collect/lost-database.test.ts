import { expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { IMPATIENT_BERTH } from '../support/berth-program.ts'
import { CollectingStorm } from '../support/collecting-storm.ts'
import { triesAll } from '../support/effort.ts'
import { Fleet } from '../support/fleet.ts'
import { seedFor } from '../support/seeded-random.ts'
import { filesInDirectory } from '../support/stored-files.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { metadataPath } from '../support/test-root.ts'
import { whenRemoving } from '../support/watched-claims.ts'

const CLIENTS = 4
const SECONDS = triesAll ? 12 : 8
const RESTARTED_MS = 90_000

test('the database is deleted in the middle of removals, under two processes: all that was acknowledged stays, and what nothing needs goes', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  await using fleet = new Fleet(folder, 2, { berth: IMPATIENT_BERTH })
  await fleet.start()
  const stored = async () => filesInDirectory(fleet.dataDirectory)
  const storm = new CollectingStorm({
    ...{ fleet, clients: CLIENTS, seed: seedFor('databases lost while collecting'), stored },
    expectedFault: /MetadataReplacedError/,
  })
  const path = metadataPath(fleet.dataDirectory)

  const losses = await storm.rage(SECONDS * 1_000, SECONDS * 500, async () => {
    await whenRemoving(path, 3_000)
    const again = fleet.restarted(RESTARTED_MS)
    await storm.disaster(async () => {
      for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true })
      await again
      storm.databaseLost()
      // Each says so once.
      await fleet.kill(2, storm.random)
      await fleet.start()
    })
  })

  expect(await storm.problemsWithEverything()).toEqual([])
  await storm.unneededGone()
  expect(await storm.problemsWithEverything()).toEqual([])
  expect(losses).toBeGreaterThan(0)
}, 480_000)
