import { expect, test } from 'bun:test'
import { someOf } from '../support/effort.ts'
import { makeImage } from '../support/images.ts'
import { PEER_PROGRAM } from '../support/peer.ts'
import { expectStatus } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { SharedStore } from '../support/shared-store.ts'

const TEST_MS = 300_000

const kept = makeImage('kept')
const image = makeImage('image')
const [layer] = image.layers
if (layer === undefined) throw new Error('the image has layers')

/** What another registry, or an operator, did meanwhile, and the first requests of Berth after that. */
const CASES: Readonly<Record<string, (store: SharedStore) => Promise<void>>> = {
  'bytes that were collected meanwhile are not mounted, and a push brings them back': async (store) => {
    await store.throughPeer(async (writer) => await writer.deleteManifest('app', image.manifest))
    await store.collect({ deleteUntagged: false })

    await store.throughTwoBerths(async (one, other) => {
      expect(await one.client.mountBlob('elsewhere', layer.digest, 'app')).toBe(202)
      expect(await other.client.mountBlob('elsewhere', layer.digest, 'app')).toBe(202)
      await one.push('app', image, 'again')
      await other.push('elsewhere', image, 'again')
    })
  },
  'a blob that was taken out of a repository is not mounted from there': async (store) => {
    await store.throughPeer(async (writer) => await writer.deleteBlob('app', layer))

    await store.throughTwoBerths(async (one, other) => {
      expect(await one.client.mountBlob('elsewhere', layer.digest, 'app')).toBe(202)
      expect(await other.client.mountBlob('elsewhere', layer.digest, 'app')).toBe(202)
    })
  },
  'a manifest is refused when its layer was taken out of the repository, and accepted once that is pushed again': async (
    store,
  ) => {
    await store.throughPeer(async (writer) => await writer.deleteBlob('app', layer))

    await store.throughTwoBerths(async (one, other) => {
      for (const { client } of [one, other]) {
        const refused = await expectStatus(await client.putManifest('app', 'refused', image.manifest), 400)
        expect(await refused.json()).toMatchObject({ errors: [{ code: 'MANIFEST_BLOB_UNKNOWN' }] })
      }
      await one.pushBlob('app', layer)
      await other.putManifest('app', image.manifest, 'accepted')
    })
  },
  'a manifest is accepted whose blobs were pushed by the other registry': async (store) => {
    const added = makeImage('added')
    await store.throughPeer(async (writer) => {
      for (const blob of [added.config, ...added.layers]) await writer.pushBlob('app', blob)
    })

    await store.throughTwoBerths(async (one) => await one.putManifest('app', added.manifest, 'added'))
  },
  'a blob that the other registry pushed is mounted': async (store) => {
    const added = makeImage('added')
    await store.throughPeer(async (writer) => await writer.pushBlob('app', added.config))

    await store.throughTwoBerths(async (one, other) => {
      await one.mountBlob('one', added.config, 'app')
      await other.mountBlob('other', added.config, 'app')
    })
  },
  'deleting a manifest takes the tags that it has now, not those that it had': async (store) => {
    await store.throughPeer(async (writer) => {
      await writer.putManifest('app', kept.manifest, 'latest')
      await writer.putManifest('app', image.manifest, 'added')
    })

    await store.throughTwoBerths(async (one) => await one.deleteManifest('app', image.manifest))

    expect([...store.expected.get('app').tags.keys()]).toEqual(['kept', 'latest'])
  },
  'what the other registry deleted is not there to delete, and can be pushed again': async (store) => {
    await store.throughPeer(async (writer) => {
      await writer.deleteManifest('app', image.manifest)
      await writer.deleteBlob('app', layer)
    })

    await store.throughTwoBerths(async (one, other) => {
      await expectStatus(await one.client.deleteManifest('app', image.manifest.digest), 404)
      await expectStatus(await other.client.deleteManifest('app', 'latest'), 404)
      await expectStatus(await one.client.deleteBlob('app', layer.digest), 404)
      await other.push('app', image, 'latest')
    })
  },
  'a tag that the other registry made or moved is deleted': async (store) => {
    await store.throughPeer(async (writer) => {
      await writer.putManifest('app', image.manifest, 'made')
      await writer.putManifest('app', kept.manifest, 'latest')
    })

    await store.throughTwoBerths(async (one, other) => {
      await one.deleteTag('app', 'made')
      await other.deleteTag('app', 'latest')
    })
  },
  'a repository that was removed by hand is pushed anew': async (store) => {
    await store.removeRepository('app')

    await store.throughTwoBerths(async (one, other) => {
      expect(await other.client.mountBlob('elsewhere', layer.digest, 'app')).toBe(202)
      await one.push('app', image, 'latest')
    })
  },
}

/** The first request after the start is a write; what it finds in the storage counts, not what the database remembers. */
describeWith({ programs: [PEER_PROGRAM] }, 'After another registry has changed the storage', () => {
  test.each(someOf('writes after a change', Object.entries(CASES), 3))(
    '%s',
    async (_, change) => {
      using store = await storeWithImages()

      await change(store)

      await store.expectThroughBerth()
      await store.expectThroughPeer()
      await store.expectCollectable()
    },
    TEST_MS,
  )
})

async function storeWithImages(): Promise<SharedStore> {
  using onFailure = new DisposableStack()
  const store = onFailure.use(new SharedStore())
  await store.throughBerth(async (writer) => {
    await writer.push('app', kept, 'kept')
    await writer.push('app', image, 'latest')
    await writer.push('copied', kept, 'latest')
  })
  store.addCopies('copied')
  onFailure.move()
  return store
}
