import { expect, test } from 'bun:test'
import { Churn } from '../support/churn.ts'
import { triesAll } from '../support/effort.ts'
import { Fleet } from '../support/fleet.ts'
import { collectWithPeer, PEER_PROGRAM } from '../support/peer.ts'
import { describeWith } from '../support/requirements.ts'
import { seedFor } from '../support/seeded-random.ts'
import { wrongIn } from '../support/shown.ts'
import { StoredLayout } from '../support/stored-layout.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const ROUNDS = Number(process.env.BERTH_TEST_KILLS ?? (triesAll ? 200 : 25))
const CLIENTS = 6
const PROCESSES = 2
/** How often all processes are killed; else one of them is, and the others settle what it left. */
const ALL_CHANCE = 0.5
const LONGEST_ROUND_MS = 120
const COLLECT_EVERY = 25
const TIMEOUT_MS = 60_000 + ROUNDS * 3_000

describeWith({ programs: [PEER_PROGRAM] }, `${ROUNDS} times kill -9 at a random moment`, () => {
  test(
    'of pushes, retags, mounts and deletes: what was acknowledged is as acknowledged, and nothing half-written is seen',
    async () => {
      using folder = new TemporaryFolder({ inMemory: true })
      await using fleet = new Fleet(folder, PROCESSES)
      await fleet.start()
      let isKilling = false
      const churn: Churn = new Churn({
        clients: CLIENTS,
        seed: seedFor('kills'),
        anyClient: () => fleet.anyClient(churn.random),
        mayFail: () => isKilling,
      })
      await churn.fillLibrary(fleet.anyClient(churn.random))
      const problems: string[] = []

      for (let round = 1; round <= ROUNDS && problems.length === 0; round += 1) {
        isKilling = false
        const working = churn.run(() => isKilling)
        await Bun.sleep(churn.random.below(LONGEST_ROUND_MS))
        isKilling = true
        const victims = churn.random.chance(ALL_CHANCE) ? PROCESSES : 1
        await Promise.all([fleet.kill(victims, churn.random), working])
        problems.push(...new StoredLayout(fleet.dataDirectory).problems)
        if (round % COLLECT_EVERY === 0) problems.push(...(await problemsForPeer(fleet, churn)))
        await fleet.start()
        const isSettled = victims === PROCESSES
        problems.push(...(await churn.problemsWithChanges(fleet.anyClient(churn.random), { isSettled })), ...churn.problems)
      }
      problems.push(...(await problemsAtTheEnd(fleet, churn)))

      process.stderr.write(`${churn.acknowledged} operations were acknowledged over ${ROUNDS} kills\n`)
      expect(problems).toEqual([])
      expect(churn.acknowledged).toBeGreaterThan(ROUNDS)
    },
    TIMEOUT_MS,
  )
})

/** With nobody alive for registry:2, and then for each of the processes with everything, which must be what the storage has. */
async function problemsAtTheEnd(fleet: Fleet, churn: Churn): Promise<readonly string[]> {
  await fleet.stop()
  const problems = [...(await problemsForPeer(fleet, churn))]
  await fleet.start()
  problems.push(...(await churn.problemsWithChanges(fleet.anyClient(churn.random), { isSettled: true })))
  for (const client of fleet.clients) problems.push(...(await churn.problemsWithEverything(client)))
  const stored = new StoredLayout(fleet.dataDirectory).showing(churn.possible.keys)
  problems.push(...wrongIn(stored, churn.possible.allowed).map((problem) => `in the storage: ${problem}`))
  await fleet.stop()
  return [...problems, ...fleet.faults]
}

/** registry:2's collector reads the directory, and would take nothing that a client can pull. */
async function problemsForPeer(fleet: Fleet, churn: Churn): Promise<readonly string[]> {
  const { exitCode, eligibleBlobs, output } = await collectWithPeer(fleet.dataDirectory, { dryRun: true, deleteUntagged: false })
  const taken = [...churn.possible.certainManifests()].filter((digest) => eligibleBlobs.has(digest))
  return [
    ...(exitCode === 0 ? [] : [`garbage-collect ended with ${exitCode}: ${output}`]),
    ...taken.map((digest) => `garbage-collect would take the manifest ${digest}`),
  ]
}
