import { expect, setDefaultTimeout, test } from 'bun:test'
import { someOf, triesAll } from '../support/effort.ts'
import { ALL_MANIFEST_TYPES } from '../support/images.ts'
import { describeOnStores } from '../support/object-store.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { describeOnOwnPostgres } from '../support/postgres-suite.ts'
import { AuthorizedClient } from '../support/registry-client.ts'
import { ReplicaStorm, STORM_STEPS, type StormStep } from '../support/replica-storm.ts'
import { Replicas } from '../support/replicas.ts'
import { describeWith } from '../support/requirements.ts'
import { seedFor } from '../support/seeded-random.ts'
import { show, wrongIn } from '../support/shown.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(1_800_000)

const STEPS = Object.keys(STORM_STEPS) as StormStep[]
/** Each of these takes its seconds. */
const IN_EACH_RUN = 2

describeWith({ programs: [PEER_PROGRAM] }, 'a storm', () => {
  describeOnOwnPostgres('over PostgreSQL', (server) => {
    describeOnStores('and a bucket', (store) => {
      const steps = someOf('steps of the storm over replicas', STEPS, IN_EACH_RUN)

      test(`in which ${steps.join(', ')} loses nothing acknowledged and serves nothing wrong`, async () => {
        const bucket = await store().newBucket()
        const seed = seedFor('the storm over replicas')
        await using resources = new AsyncDisposableStack()
        const replicas = resources.use(await Replicas.start(3, { bucket, server: server() }))
        const storm = resources.use(new ReplicaStorm({ replicas, server: server(), clients: triesAll ? 8 : 4, seed }))
        const { churn } = storm

        await storm.run(steps)

        expect(storm.wrongAnswers).toEqual([])
        expect(churn.problems).toEqual([])
        expect(await churn.problemsWithChanges(replicas.client, { isSettled: false })).toEqual([])
        expect(await churn.problemsWithEverything(replicas.client)).toEqual([])
        const shown = await show(replicas.client, churn.possible.keys)
        await resources.disposeAsync()
        using folder = new TemporaryFolder()
        await using peer = await startPeer({ folder, dataDirectory: bucket })
        const stored = await show(new AuthorizedClient(peer.url, { accept: ALL_MANIFEST_TYPES }), churn.possible.keys)
        expect(wrongIn(stored, churn.possible.allowed)).toEqual([])
        expect(Object.fromEntries(stored)).toEqual(Object.fromEntries(shown))
      })
    })
  })
})
