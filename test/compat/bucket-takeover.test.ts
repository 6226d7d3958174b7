import { test } from 'bun:test'
import { someOf } from '../support/effort.ts'
import { makeImage } from '../support/images.ts'
import { describeOnStores } from '../support/object-store.ts'
import { PEER_PROGRAM } from '../support/peer.ts'
import { describeWith } from '../support/requirements.ts'
import { SharedBucket } from '../support/shared-bucket.ts'
import { pushOfEveryKind, takeTurn } from '../support/turns.ts'

const TEST_MS = 120_000

describeWith({ programs: [PEER_PROGRAM] }, 'Taking over a bucket from registry:2 and giving it back', () => {
  describeOnStores('a bucket', (store, kind) => {
    // SeaweedFS lists a directory for good that once had a file; registry:2 takes it for a tag, its own deleted ones as well.
    const listsWhatIsGone = kind === 'seaweedfs'

    test(
      'everything pushed through registry:2 is served by Berth from the same bucket',
      async () => {
        using bucket = new SharedBucket(await store().newBucket())

        await bucket.throughPeer(pushOfEveryKind)

        await bucket.expectThroughBerth()
        await bucket.expectCollectable()
      },
      TEST_MS,
    )

    test(
      'everything pushed through Berth is served by registry:2 from the same bucket',
      async () => {
        using bucket = new SharedBucket(await store().newBucket())

        await bucket.throughBerth(pushOfEveryKind)

        await bucket.expectThroughPeer()
        await bucket.expectCollectable()
      },
      TEST_MS,
    )

    for (const metadata of someOf('turns on a bucket', ['kept', 'deleted'] as const, 1)) {
      test(
        `registries that take turns go on from each other's pushes, moved tags and deletes, with the metadata ${metadata} between`,
        async () => {
          using bucket = new SharedBucket(await store().newBucket())
          let previous: string | undefined

          for (const turn of ['berth 1', 'peer 1', 'berth 2', 'peer 2']) {
            const work = async (writer: Parameters<typeof takeTurn>[0]) => await takeTurn(writer, turn, previous)
            if (turn.startsWith('berth')) await bucket.throughBerth(work)
            else await bucket.throughPeer(work)
            if (metadata === 'deleted') await bucket.deleteMetadata()
            previous = turn
          }

          await bucket.expectThroughBerth()
          if (!listsWhatIsGone) await bucket.expectThroughPeer()
        },
        TEST_MS,
      )
    }

    test(
      'what is deleted through Berth is gone for registry:2, and can be pushed there again',
      async () => {
        using bucket = new SharedBucket(await store().newBucket())
        const [kept, deleted] = [makeImage('kept'), makeImage('deleted')]
        await bucket.throughPeer(async (writer) => {
          await writer.push('team/app', kept, 'latest', 'old')
          await writer.push('team/app', deleted, 'gone')
        })

        await bucket.throughBerth(async (writer) => {
          await writer.deleteTag('team/app', 'old')
          await writer.deleteManifest('team/app', deleted.manifest)
        })
        if (!listsWhatIsGone) await bucket.expectThroughPeer()
        await bucket.throughPeer(async (writer) => await writer.push('team/app', deleted, 'gone', 'old'))

        await bucket.expectThroughBerth()
      },
      TEST_MS,
    )
  })
})
