import { expect, setDefaultTimeout, test } from 'bun:test'
import { someOf, triesAll } from '../support/effort.ts'
import { ALL_MANIFEST_TYPES } from '../support/images.ts'
import { describeOnStores } from '../support/object-store.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { describeOnOwnPostgres } from '../support/postgres-suite.ts'
import { poll } from '../support/processes.ts'
import { AuthorizedClient } from '../support/registry-client.ts'
import { ReplicaStorm, STORM_STEPS, type StormStep } from '../support/replica-storm.ts'
import { Replicas } from '../support/replicas.ts'
import { describeWith } from '../support/requirements.ts'
import { seedFor } from '../support/seeded-random.ts'
import { show, wrongIn } from '../support/shown.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(1_800_000)

const STEPS = Object.keys(STORM_STEPS) as StormStep[]
/** After each step once, any of them for so long in all. */
const AT_LEAST_MS = Number(process.env.BERTH_TEST_STORM_MINUTES ?? 0) * 60_000
/** The nightly run has the others, too, which take three minutes. */
const IN_EACH_RUN: readonly StormStep[] = [
  'a replica stands still until the server takes it for dead',
  'a replica stands still, and its connections are gone when it wakes up',
]
const AGREED_MS = 120_000

describeWith({ programs: [PEER_PROGRAM] }, 'a storm', () => {
  describeOnOwnPostgres('over PostgreSQL', (server) => {
    describeOnStores('and a bucket', (store) => {
      const steps = triesAll ? STEPS : someOf('steps of the storm over replicas', IN_EACH_RUN, 1)

      test(`in which ${steps.join(', ')} loses nothing acknowledged and serves nothing wrong`, async () => {
        const bucket = await store().newBucket()
        const seed = seedFor('the storm over replicas')
        await using resources = new AsyncDisposableStack()
        const replicas = resources.use(await Replicas.start(3, { bucket, server: server() }))
        const storm = resources.use(new ReplicaStorm({ replicas, server: server(), clients: triesAll ? 8 : 4, seed }))
        const { churn } = storm
        let different: readonly string[] = []

        await storm.run(steps, { atLeastMs: AT_LEAST_MS })

        expect(storm.wrongAnswers).toEqual([])
        expect(churn.problems).toEqual([])
        expect(await churn.problemsWithChanges(replicas.client, { isSettled: false })).toEqual([])
        using folder = new TemporaryFolder()
        await using peer = await startPeer({ folder, dataDirectory: bucket })
        const ofPeer = new AuthorizedClient(peer.url, { accept: ALL_MANIFEST_TYPES })
        // What a dead replica has begun is settled when nothing that it sent can arrive any more.
        const settled = poll('a bucket with what the database says', AGREED_MS, async () => {
          const shown = await show(replicas.client, churn.possible.keys)
          const stored = await show(ofPeer, churn.possible.keys)
          different = [...stored].filter(([key, value]) => shown.get(key) !== value).map(([key]) => key)
          return different.length === 0 ? stored : undefined
        })
        const stored = await settled.catch((cause: unknown) => {
          throw new Error(`docker-registry shows something else: ${different.join(', ')}`, { cause })
        })
        expect(wrongIn(stored, churn.possible.allowed)).toEqual([])
        expect(await churn.problemsWithEverything(replicas.client)).toEqual([])
      })
    })
  })
})
