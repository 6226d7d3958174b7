import { expect, test } from 'bun:test'
import { IMPATIENT_BERTH } from '../support/berth-program.ts'
import { CollectingStorm } from '../support/collecting-storm.ts'
import { triesAll } from '../support/effort.ts'
import { Fleet } from '../support/fleet.ts'
import { seedFor } from '../support/seeded-random.ts'
import { filesInDirectory } from '../support/stored-files.ts'
import { StoredLayout } from '../support/stored-layout.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { metadataPath } from '../support/test-root.ts'
import { whenRemoving } from '../support/watched-claims.ts'

const CLIENTS = 8
const PROCESSES = 2
/** By hand, `BERTH_COLLECT_SECONDS=600`. */
const SECONDS = Number(process.env.BERTH_COLLECT_SECONDS ?? (triesAll ? 120 : 10))
const KILL_EVERY_MS = triesAll ? 4_000 : 2_500
/** How often both are killed; with the last of them ends the epoch. */
const ALL_CHANCE = 0.15

test(
  `${CLIENTS} clients build on two processes that collect, of which one or both are killed every few seconds: all that was acknowledged stays, and what nothing needs goes`,
  async () => {
    using folder = new TemporaryFolder({ inMemory: true })
    await using fleet = new Fleet(folder, PROCESSES, { berth: IMPATIENT_BERTH })
    await fleet.start()
    const stored = async () => filesInDirectory(fleet.dataDirectory)
    const storm = new CollectingStorm({ fleet, clients: CLIENTS, seed: seedFor('kills while collecting'), stored })
    const kill = async (victims: number) => {
      // Half of them in the middle of a removal.
      if (storm.random.chance(0.5)) await whenRemoving(metadataPath(fleet.dataDirectory), 2_000)
      await storm.disaster(async () => await fleet.kill(victims, storm.random))
      await fleet.start()
    }

    const anyKill = () => kill(storm.random.chance(ALL_CHANCE) ? PROCESSES : 1)
    const kills = await storm.rage(SECONDS * 1_000, KILL_EVERY_MS, anyKill, () => storm.counts.pushed > SECONDS)

    const figures = { kills, ...storm.counts, ...fleet.collected }
    process.stderr.write(`kills while collecting: ${JSON.stringify(figures)}\n`)
    expect(await storm.problemsWithEverything()).toEqual([])
    await kill(PROCESSES)
    await storm.unneededGone()
    expect(await storm.problemsWithEverything()).toEqual([])
    await fleet.stop()
    expect(new StoredLayout(fleet.dataDirectory).problems).toEqual([])
    expect(fleet.faults).toEqual([])
    expect(figures.pushed).toBeGreaterThan(SECONDS)
  },
  SECONDS * 1_000 + 480_000,
)
