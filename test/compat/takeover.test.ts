import { expect, test } from 'bun:test'
import { someOf } from '../support/effort.ts'
import { descriptorOf, jsonContent, makeImage, sha512 } from '../support/images.ts'
import { PEER_PROGRAM } from '../support/peer.ts'
import type { RegistryWriter } from '../support/registry-writer.ts'
import { describeWith } from '../support/requirements.ts'
import { SharedStore } from '../support/shared-store.ts'
import { pushOfEveryKind, takeTurn } from '../support/turns.ts'

const TEST_MS = 120_000

describeWith({ programs: [PEER_PROGRAM] }, 'Taking over from registry:2 and giving back', () => {
  test(
    'everything pushed through registry:2 is served by two Berth processes on the same directory',
    async () => {
      using store = new SharedStore()

      await store.throughPeer(pushOfEveryKind)

      await store.expectThroughBerth()
      await store.expectCollectable()
    },
    TEST_MS,
  )

  test(
    'everything pushed through Berth is served by registry:2 on the same directory',
    async () => {
      using store = new SharedStore()

      await store.throughBerth(async (writer) => {
        await pushOfEveryKind(writer)
        // Left alone, registry:2 cannot collect a repository without tags that it made itself.
        await writer.push('by-digest', makeImage('by digest'))
      })

      await store.expectThroughPeer()
      await store.expectCollectable()
    },
    TEST_MS,
  )

  for (const metadata of someOf('turns on a directory', ['kept', 'deleted'] as const, 1)) {
    test(
      `registries that take turns go on from each other's pushes, moved tags and deletes, with the metadata ${metadata} between`,
      async () => {
        using store = new SharedStore()
        const turns = [1, 2, 3].flatMap((round) => [`berth ${round}`, `peer ${round}`])
        let previous: string | undefined

        for (const turn of turns) {
          const work = async (writer: RegistryWriter) => await takeTurn(writer, turn, previous)
          if (turn.startsWith('berth')) await store.throughBerth(work)
          else await store.throughPeer(work)
          if (metadata === 'deleted') await store.deleteMetadata()
          previous = turn

          await (turn.startsWith('berth') ? store.expectThroughPeer() : store.expectThroughBerth())
        }

        await store.expectThroughBerth()
        await store.expectThroughPeer()
        await store.expectCollectable()
      },
      TEST_MS,
    )
  }

  test(
    'tags and manifests deleted through Berth are gone for registry:2, and can be pushed there again',
    async () => {
      using store = new SharedStore()
      const [kept, deleted] = [makeImage('kept'), makeImage('deleted')]
      await store.throughPeer(async (writer) => {
        await writer.push('team/app', kept, 'latest', 'stable', 'old')
        await writer.push('team/app', deleted, 'gone', 'also-gone')
      })

      await store.throughBerth(async (writer) => {
        await writer.deleteTag('team/app', 'old')
        await writer.deleteManifest('team/app', deleted.manifest)
      })
      await store.expectThroughPeer()
      await store.throughPeer(async (writer) => await writer.push('team/app', deleted, 'gone', 'old'))

      await store.expectThroughBerth()
      await store.expectCollectable()
    },
    TEST_MS,
  )

  test(
    'what is pushed to Berth by sha512 is served by registry:2, and its collector keeps it',
    async () => {
      using store = new SharedStore()
      const image = makeImage('sha512')
      const bytes = new TextEncoder().encode('a layer that is named by sha512')
      const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: sha512(bytes), bytes }
      const body = { ...JSON.parse(new TextDecoder().decode(image.manifest.bytes)), layers: [descriptorOf(layer)] }
      const manifest = jsonContent(image.manifest.mediaType, body)
      await store.throughBerth(async (writer) => {
        await writer.push('app', image, 'usual')
        await writer.pushBlob('app', layer)
        await writer.putManifest('app', { ...manifest, digest: sha512(manifest.bytes) })
        await writer.putManifest('app', manifest, 'latest')
      })

      await store.collect({ deleteUntagged: false })

      await store.expectThroughPeer()
      await store.expectThroughBerth()
      await store.expectCollectable()
    },
    TEST_MS,
  )

  test(
    'deleting all of a repository leaves the repositories below it as they are',
    async () => {
      using store = new SharedStore()
      const image = makeImage('nested')
      await store.throughPeer(async (writer) => {
        for (const repository of ['a', 'a/b', 'a/b/c', 'ab']) await writer.push(repository, image, 'latest')
      })

      await store.throughBerth(async (writer) => {
        await writer.deleteManifest('a', image.manifest)
        await writer.deleteManifest('a/b', image.manifest)
        for (const blob of [image.config, ...image.layers]) await writer.deleteBlob('a/b', blob)
      })

      await store.expectThroughPeer()
      await store.expectThroughBerth()
      await store.expectCollectable()
    },
    TEST_MS,
  )

  test(
    'a repository whose last manifest is deleted through Berth does not stop the collector of registry:2',
    async () => {
      using store = new SharedStore()
      const image = makeImage('last')
      await store.throughBerth(async (writer) => {
        await writer.push('alone', image, 'latest')
        await writer.push('other', makeImage('other'), 'latest')
        await writer.deleteManifest('alone', image.manifest)
      })

      await store.expectCollectable()
      await store.collect({ deleteUntagged: false })

      await store.expectThroughPeer()
      await store.expectThroughBerth()
    },
    TEST_MS,
  )

  test(
    'what the collector of registry:2 leaves after an upgrade is what was expected to stay',
    async () => {
      using store = new SharedStore()
      const [first, second] = [makeImage('first'), makeImage('second')]
      await store.throughPeer(async (writer) => await writer.push('app', first, 'latest'))
      await store.throughBerth(async (writer) => {
        await writer.push('app', second, 'latest')
        await writer.deleteManifest('app', first.manifest)
      })

      await store.collect({ deleteUntagged: false })

      expect(store.expected.get('app').blobs.size).toBe(3)
      await store.expectThroughPeer()
      await store.expectThroughBerth()
    },
    TEST_MS,
  )
})
