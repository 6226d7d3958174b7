import { expect, test } from 'bun:test'
import { Churn } from '../support/churn.ts'
import { type FastBerth, startFastBerth } from '../support/fast-berth.ts'
import { collectWithPeer } from '../support/peer.ts'
import { describeWith } from '../support/requirements.ts'
import { seedFor } from '../support/seeded-random.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const ROUNDS = Number(process.env.BERTH_TEST_KILLS ?? (process.env.CI === 'true' ? 200 : 20))
const CLIENTS = 6
const LONGEST_ROUND_MS = 250
const COLLECT_EVERY = 50
const TIMEOUT_MS = 15 * 60_000

describeWith({ programs: ['docker-registry'] }, `${ROUNDS} times kill -9 at a random moment`, () => {
  test(
    'of pushes, retags, mounts and deletes: all that was acknowledged is as acknowledged after the restart',
    async () => {
      using folder = new TemporaryFolder()
      let berth = await startFastBerth(folder)
      let isKilled = false
      const churn = new Churn({
        clients: CLIENTS,
        seed: seedFor('kills'),
        anyClient: () => berth.client,
        mayFail: () => isKilled,
      })
      await churn.fillLibrary(berth.client)
      const problems: string[] = []

      for (let round = 1; round <= ROUNDS && problems.length === 0; round += 1) {
        isKilled = false
        const working = churn.run(() => isKilled)
        await Bun.sleep(churn.random.below(LONGEST_ROUND_MS))
        isKilled = true
        await Promise.all([berth.program.kill(), working])
        if (round % COLLECT_EVERY === 0) problems.push(...(await problemsForPeer(folder, churn)))
        berth = await startFastBerth(folder)
        problems.push(...(await churn.problemsWithChanges(berth.client)), ...churn.problems)
      }
      problems.push(...(await churn.problemsWithEverything(berth.client)), ...faultsOf(berth))
      await berth.program.stop()
      problems.push(...(await problemsForPeer(folder, churn)))

      process.stderr.write(`${churn.acknowledged} operations were acknowledged over ${ROUNDS} kills\n`)
      expect(problems).toEqual([])
      expect(churn.acknowledged).toBeGreaterThan(ROUNDS)
    },
    TIMEOUT_MS,
  )

  test(
    'of one of two processes: the other settles what it left and goes on',
    async () => {
      using folder = new TemporaryFolder()
      const [first, second] = [await startFastBerth(folder), await startFastBerth(folder)]
      const berths: [FastBerth, FastBerth] = [first, second]
      let isOver = false
      const churn = new Churn({
        clients: CLIENTS,
        seed: seedFor('kills of one of two'),
        anyClient: () => churn.random.pick(berths).client,
        mayFail: () => true,
      })
      await churn.fillLibrary(first.client)
      const working = churn.run(() => isOver)

      for (let round = 0; round < Math.max(ROUNDS / 10, 4); round += 1) {
        await Bun.sleep(churn.random.below(LONGEST_ROUND_MS))
        const victim = round % 2 === 0 ? 0 : 1
        await berths[victim].program.kill()
        berths[victim] = await startFastBerth(folder)
      }
      isOver = true
      await working
      const problems = [...(await churn.problemsWithChanges(berths[0].client)), ...churn.problems]
      for (const berth of berths) problems.push(...(await churn.problemsWithEverything(berth.client)), ...faultsOf(berth))
      for (const berth of berths) await berth.program.stop()

      expect(problems).toEqual([])
      expect(churn.acknowledged).toBeGreaterThan(10)
    },
    TIMEOUT_MS,
  )
})

/** registry:2's collector reads the directory, and would take nothing that a client can pull. */
async function problemsForPeer(folder: TemporaryFolder, churn: Churn): Promise<readonly string[]> {
  const { exitCode, eligibleBlobs, output } = await collectWithPeer(folder.join('data'), { dryRun: true, deleteUntagged: false })
  const taken = [...churn.possible.certainManifests()].filter((digest) => eligibleBlobs.has(digest))
  return [
    ...(exitCode === 0 ? [] : [`garbage-collect ended with ${exitCode}: ${output}`]),
    ...taken.map((digest) => `garbage-collect would take the manifest ${digest}`),
  ]
}

function faultsOf({ program }: FastBerth): readonly string[] {
  return program.output.split('\n').filter((line) => line.includes('level=error'))
}
