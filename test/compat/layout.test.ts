import { expect, test } from 'bun:test'
import { directoryTree, filesOf } from '../support/directory-tree.ts'
import { makeImage, makeImageIndex } from '../support/images.ts'
import { PEER_PROGRAM } from '../support/peer.ts'
import type { RegistryWriter } from '../support/registry-writer.ts'
import { describeWith } from '../support/requirements.ts'
import { SharedStore } from '../support/shared-store.ts'

const TEST_MS = 120_000

describeWith({ programs: [PEER_PROGRAM] }, 'The directory that Berth leaves', () => {
  for (const umask of ['022', '027', '077']) {
    test(
      `is the one that registry:2 leaves after the same pushes, to the name, the byte and the mode, under umask ${umask}`,
      async () => {
        using berth = new SharedStore({ umask })
        using peer = new SharedStore({ umask })

        await berth.throughBerth(pushMountAndMove)
        await peer.throughPeer(pushMountAndMove)

        expect(await registryTree(berth)).toEqual(await registryTree(peer))
      },
      TEST_MS,
    )
  }

  test(
    'has the same files as that of registry:2 after the same deletes',
    async () => {
      using berth = new SharedStore()
      using peer = new SharedStore()
      const work = async (writer: RegistryWriter) => {
        await pushMountAndMove(writer)
        await deleteSome(writer)
      }

      await berth.throughBerth(work)
      await peer.throughPeer(work)

      expect(filesOf(await registryTree(berth))).toEqual(filesOf(await registryTree(peer)))
    },
    TEST_MS,
  )

  test(
    'is not changed by serving what registry:2 left there',
    async () => {
      using store = new SharedStore()
      await store.throughPeer(pushMountAndMove)
      const before = await directoryTree(store.path())

      await store.expectThroughBerth()

      expect(await directoryTree(store.path())).toEqual(before)
    },
    TEST_MS,
  )

  test(
    'has nothing but blobs and repositories below docker/registry/v2, and beside docker/ only berth/',
    async () => {
      using store = new SharedStore()

      await store.throughBerth(pushMountAndMove)

      const tree = await directoryTree(store.dataDirectory)
      const names = tree.map((line) => line.split(' ')[2] ?? '')
      const registry = /^docker(\/registry(\/v2(\/(blobs|repositories)(\/.*)?)?)?)?$/
      expect(names.filter((name) => !registry.test(name) && !/^berth(\/|$)/.test(name))).toEqual([])
      expect(names.filter((name) => registry.test(name) && name.includes('berth'))).toEqual([])
    },
    TEST_MS,
  )
})

const first = makeImage('first', { layers: 3 })
const second = makeImage('second', { format: 'docker' })
const variants = ['amd64', 'arm64'].map((architecture) => makeImage('variant', { architecture }))

async function pushMountAndMove(writer: RegistryWriter): Promise<void> {
  await writer.push('team/app', first, 'latest', '1.0')
  await writer.push('team/app', second, 'latest', '2.0')
  await writer.push('team/app', first, 'latest')
  await writer.push('team', makeImageIndex(variants), 'multi')
  await writer.push('team/signed', makeImage('signature', { subject: first.manifest, layers: 1 }), 'signature')
  for (const blob of [second.config, ...second.layers]) await writer.mountBlob('a/b/c/d', blob, 'team/app')
  await writer.putManifest('a/b/c/d', second.manifest, 'mounted')
  // A blob that two repositories upload, and one that no manifest names.
  await writer.push('again', first, 'latest')
  await writer.pushBlob('again', makeImage('alone').config)
}

async function deleteSome(writer: RegistryWriter): Promise<void> {
  await writer.deleteManifest('team/app', second.manifest)
  await writer.deleteManifest('again', first.manifest)
  await writer.deleteBlob('again', makeImage('alone').config)
  await writer.push('team/app', second, '2.0')
}

/** What registry:2 has of its own for uploads under way, Berth keeps elsewhere. */
async function registryTree(store: SharedStore): Promise<readonly string[]> {
  return (await directoryTree(store.path())).filter((line) => !line.includes('/_uploads'))
}
