import { test } from 'bun:test'
import { cp, rm } from 'node:fs/promises'
import { someOf, triesAll } from '../support/effort.ts'
import { makeImage, makeImageIndex } from '../support/images.ts'
import { PEER_PROGRAM } from '../support/peer.ts'
import type { RegistryWriter } from '../support/registry-writer.ts'
import { describeWith } from '../support/requirements.ts'
import { SharedStore } from '../support/shared-store.ts'

const TEST_MS = 300_000

const old = makeImage('old')
const current = makeImage('current')
const deleted = makeImage('deleted')
const list = makeImageIndex(['amd64', 'arm64'].map((architecture) => makeImage('listed', { architecture })))
const signature = makeImage('signature', { subject: current.manifest, artifactType: 'application/vnd.example.signature' })

/** What may happen to a storage while Berth is stopped. Each tells `store.expected` what it did. */
const CHANGES: Readonly<Record<string, (store: SharedStore) => Promise<void>>> = {
  'registry:2 pushed images, tags, referrers and repositories': async (store) => {
    await store.throughPeer(async (writer) => {
      await writer.push('app', makeImage('added'), 'latest', 'added')
      await writer.push('app', makeImage('added signature', { subject: old.manifest }))
      await writer.push('new/repository', makeImage('new'), 'latest')
      await writer.mountBlob('other', old.config, 'app')
    })
  },
  'registry:2 moved tags, one of them back to an older digest': async (store) => {
    await store.throughPeer(async (writer) => {
      await writer.putManifest('app', old.manifest, 'latest')
      await writer.putManifest('app', deleted.manifest, 'old')
    })
  },
  'registry:2 deleted manifests with their tags': async (store) => {
    await store.throughPeer(async (writer) => {
      await writer.deleteManifest('app', current.manifest)
      await writer.deleteManifest('app', signature.manifest)
      await writer.deleteManifest('alone', old.manifest)
    })
  },
  'registry:2 took blobs out of repositories': async (store) => {
    await store.throughPeer(async (writer) => {
      for (const layer of deleted.layers) await writer.deleteBlob('app', layer)
      await writer.deleteBlob('other', deleted.config)
    })
  },
  'registry:2 deleted a manifest and collected what only that had named': async (store) => {
    await store.throughPeer(async (writer) => {
      for (const repository of ['app', 'other']) await writer.deleteManifest(repository, deleted.manifest)
    })
    await store.collect({ deleteUntagged: false })
  },
  'registry:2 moved a tag and collected what had no tag any more': async (store) => {
    await store.throughPeer(async (writer) => await writer.putManifest('app', old.manifest, 'latest'))
    await store.collect({ deleteUntagged: true })
  },
  'a repository was removed by hand': async (store) => {
    await store.removeRepository('app')
  },
  'a tag was removed by hand': async (store) => {
    await rm(store.path('repositories/app/_manifests/tags/latest'), { recursive: true })
    store.expected.tagDeleted('app', 'latest')
  },
}

describeWith({ programs: [PEER_PROGRAM] }, 'With a stale database two processes are right at the first request', () => {
  for (const [title, change] of someOf('changes of a storage', Object.entries(CHANGES), 1)) {
    test(
      `when ${title}`,
      async () => {
        using store = new SharedStore()
        await fill(store)
        const putMetadataBack = await store.keepMetadata()

        await change(store)

        await expectFromTheFirstRequest(store, putMetadataBack)
        await store.expectThroughPeer()
        await store.expectCollectable()
      },
      TEST_MS,
    )
  }

  test(
    'when the storage was put back to an older copy and the database was not',
    async () => {
      using store = new SharedStore()
      await fill(store)
      const putStorageBack = await store.keepStorage()
      await store.throughBerth(changeMuch)
      const putMetadataBack = await store.keepMetadata()

      await putStorageBack()

      await expectFromTheFirstRequest(store, putMetadataBack)
      await store.expectCollectable()
    },
    TEST_MS,
  )

  test(
    'when the whole data directory, the database with it, was put back to an older copy',
    async () => {
      using store = new SharedStore()
      await fill(store)
      const [older, expected] = [store.folder.join('older'), store.expected.copy()]
      await cp(store.dataDirectory, older, { recursive: true, preserveTimestamps: true })
      await store.throughBerth(changeMuch)

      await rm(store.dataDirectory, { recursive: true })
      await cp(older, store.dataDirectory, { recursive: true, preserveTimestamps: true })
      store.expected.putBackTo(expected)

      await store.expectThroughBerth()
      await store.expectCollectable()
    },
    TEST_MS,
  )

  for (const how of someOf('copies of a database', ['into the same file', 'as a new file'] as const, 1)) {
    test(
      `when the database of another registry was copied over it, ${how}`,
      async () => {
        using elsewhere = new SharedStore()
        await elsewhere.throughBerth(fillRepositories)
        await elsewhere.throughBerth(changeMuch)
        using store = new SharedStore()
        await fill(store)

        await expectFromTheFirstRequest(store, async () => await store.copyMetadataFrom(elsewhere, how))
        await store.expectCollectable()
      },
      TEST_MS,
    )
  }

  test(
    'when Berth was killed, and registry:2 then changed much',
    async () => {
      using store = new SharedStore()
      await fill(store)
      await store.throughKilledBerth(changeMuch)
      const putMetadataBack = await store.keepMetadata()

      await store.throughPeer(async (writer) => {
        await writer.push('app', makeImage('added'), 'latest', 'added')
        await writer.deleteManifest('other', current.manifest)
        await writer.deleteManifest('later/repository', makeImage('later').manifest)
        await writer.push('alone', old, 'latest')
      })
      await store.collect({ deleteUntagged: false })

      await expectFromTheFirstRequest(store, putMetadataBack)
      await store.expectCollectable()
    },
    TEST_MS,
  )

  test(
    'when the database was deleted',
    async () => {
      using store = new SharedStore()
      await fill(store)

      await expectFromTheFirstRequest(store, async () => await store.deleteMetadata())
      await store.expectCollectable()
    },
    TEST_MS,
  )
})

/** What two processes that start at once are asked first. */
const FIRST_QUESTIONS = [
  ['catalog', 'manifest by tag'],
  ['tags', 'blob'],
  ['manifest by digest', 'referrers'],
] as const
let starts = 0

/** The tests take the first questions in turn; the nightly run starts anew for each of them in each test. */
async function expectFromTheFirstRequest(store: SharedStore, putMetadataBack: () => Promise<void>): Promise<void> {
  const turn = starts % FIRST_QUESTIONS.length
  starts += 1
  for (const [one, other] of triesAll ? FIRST_QUESTIONS : FIRST_QUESTIONS.slice(turn, turn + 1)) {
    await putMetadataBack()
    await store.expectThroughBerth(one, other)
  }
}

async function fill(store: SharedStore): Promise<void> {
  await store.throughBerth(fillRepositories)
  store.addCopies('alone')
}

async function fillRepositories(writer: RegistryWriter): Promise<void> {
  await writer.push('app', old, 'old', 'latest')
  await writer.push('app', current, 'latest')
  await writer.push('app', signature)
  await writer.push('app', deleted, 'gone')
  await writer.push('app', list, 'multi')
  await writer.push('other', deleted, 'latest')
  await writer.push('other', current, 'current')
  await writer.push('alone', old, 'latest')
}

async function changeMuch(writer: RegistryWriter): Promise<void> {
  await writer.push('app', makeImage('later'), 'latest', 'later')
  await writer.putManifest('app', current.manifest, 'old')
  await writer.deleteTag('app', 'multi')
  await writer.deleteManifest('app', deleted.manifest)
  await writer.deleteManifest('alone', old.manifest)
  await writer.deleteBlob('other', deleted.config)
  await writer.push('later/repository', makeImage('later'), 'latest')
}
