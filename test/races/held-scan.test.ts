import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { Gate, holdFirst } from '../support/gate.ts'
import type { DiskHook } from '../support/held-disk.ts'
import { blobsOf, contentOf, makeImage } from '../support/images.ts'
import { expectStatus, type RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/**
 * One process has read a name in the storage and not yet written what it read, when the other changes that name and acknowledges it. What
 * was read first must not come back.
 */

const before = makeImage('before')
const after = makeImage('after')
const loose = contentOf('application/octet-stream', new TextEncoder().encode('a blob that no manifest names'))
const LINK_OF_TAG = /^read .*\/app\/_manifests\/tags\/latest\/current\/link$/
const LINK_OF_NEW_TAG = /^stat .*\/app\/_manifests\/tags\/fresh\/current\/link$/
const LINK_OF_BLOB = new RegExp(`^read .*/app/_layers/sha256/${loose.digest.slice(7)}/link$`)
const LINK_OF_REVISION = new RegExp(`^read .*/app/_manifests/revisions/sha256/${before.manifest.digest.slice(7)}/link$`)

let folder: TemporaryFolder
let one: BerthInProcess
let other: BerthInProcess
/** What the disk of the first process does; set by a test. */
let hook: DiskHook

/** A new epoch on a directory with one tagged image and one blob: no row has been compared with the storage yet. */
beforeEach(async () => {
  folder = new TemporaryFolder()
  hook = () => undefined
  const last = await BerthInProcess.start(folder.join('data'))
  for (const blob of [...blobsOf(before), ...blobsOf(after), loose]) await last.client.pushBlob('app', blob)
  await expectStatus(await last.client.putManifest('app', 'latest', before.manifest), 201)
  await expectStatus(await last.client.putManifest('app', after.manifest.digest, after.manifest), 201)
  await last.stop()
  one = await BerthInProcess.start(folder.join('data'), { hook: (call, phase) => hook(call, phase) })
  other = await BerthInProcess.start(folder.join('data'))
})
afterEach(async () => {
  await one.stop()
  await other.stop()
  folder[Symbol.dispose]()
})

interface Change {
  readonly title: string
  /** The read that is held after it was done. */
  readonly held: RegExp
  /** Makes the first process look at the one name. */
  readonly look: (client: RegistryClient) => Promise<Response>
  readonly change: (client: RegistryClient) => Promise<unknown>
  /** What everybody must see from then on: the digest of the tag, or the status of the blob or manifest. */
  readonly seen: (client: RegistryClient) => Promise<unknown>
  readonly expected: unknown
}

const changes: readonly Change[] = [
  {
    title: 'a tag that is moved meanwhile stays moved',
    held: LINK_OF_TAG,
    look: (client) => client.getManifest('app', 'latest'),
    change: async (client) => await expectStatus(await client.putManifest('app', 'latest', after.manifest), 201),
    seen: (client) => digestOfTag(client, 'latest'),
    expected: after.manifest.digest,
  },
  {
    title: 'a tag that is deleted meanwhile stays deleted',
    held: LINK_OF_TAG,
    look: (client) => client.getManifest('app', 'latest'),
    change: async (client) => await expectStatus(await client.deleteManifest('app', 'latest'), 202),
    seen: (client) => digestOfTag(client, 'latest'),
    expected: 404,
  },
  {
    title: 'a tag that is pushed for the first time meanwhile is there',
    held: LINK_OF_NEW_TAG,
    look: (client) => client.getManifest('app', 'fresh'),
    change: async (client) => await expectStatus(await client.putManifest('app', 'fresh', after.manifest), 201),
    seen: (client) => digestOfTag(client, 'fresh'),
    expected: after.manifest.digest,
  },
  {
    title: 'a manifest that is deleted meanwhile stays deleted, with its tag',
    held: LINK_OF_REVISION,
    look: (client) => client.getManifest('app', before.manifest.digest),
    change: async (client) => await expectStatus(await client.deleteManifest('app', before.manifest.digest), 202),
    seen: async (client) => [
      await digestOfTag(client, 'latest'),
      (await client.headManifest('app', before.manifest.digest)).status,
    ],
    expected: [404, 404],
  },
  {
    title: 'a blob that is deleted meanwhile stays deleted',
    held: LINK_OF_BLOB,
    look: (client) => client.getBlob('app', loose.digest),
    change: async (client) => await expectStatus(await client.deleteBlob('app', loose.digest), 202),
    seen: async (client) => (await client.headBlob('app', loose.digest)).status,
    expected: 404,
  },
  {
    title: 'a blob that is deleted and pushed again meanwhile is there',
    held: LINK_OF_BLOB,
    look: (client) => client.getBlob('app', loose.digest),
    change: async (client) => {
      await expectStatus(await client.deleteBlob('app', loose.digest), 202)
      await client.pushBlob('app', loose)
    },
    seen: async (client) => (await client.headBlob('app', loose.digest)).status,
    expected: 200,
  },
]

describe('a heal of one name, held between reading and writing:', () => {
  test.each(changes.map((change) => [change.title, change] as const))('%s', async (_, { held, look, change, seen, expected }) => {
    const gate = new Gate()
    hook = holdFirst(gate, 'after', held)

    const looking = look(one.client)
    await gate.reached()
    await change(other.client)
    gate.open()
    const answer = await looking
    await answer.bytes()

    // Both were under way at once: either answer is true, a failure is not.
    expect([200, 404]).toContain(answer.status)
    for (const { client } of [one, other, one]) expect(await seen(client)).toEqual(expected)
  })
})

describe('a scan of everything, held between reading and writing:', () => {
  // A new tag is in no list that the scan has read, so that nothing of it can be held.
  const scanned = changes.filter(({ held }) => held !== LINK_OF_NEW_TAG)

  test.each(scanned.map((change) => [change.title, change] as const))('%s', async (_, { held, change, seen, expected }) => {
    const gate = new Gate()
    hook = holdFirst(gate, 'after', held)

    const scanning = one.scan()
    await gate.reached()
    await change(other.client)
    gate.open()
    await scanning
    await other.scan()

    for (const { client } of [one, other]) expect(await seen(client)).toEqual(expected)
    expect(await tagsSeenBy(one)).toEqual(await tagsSeenBy(other))
  })
})

async function digestOfTag(client: RegistryClient, tag: string): Promise<unknown> {
  const response = await client.getManifest('app', tag)
  await response.bytes()
  return response.status === 200 ? response.headers.get('docker-content-digest') : response.status
}

async function tagsSeenBy({ client }: BerthInProcess): Promise<unknown> {
  return await (await client.request('GET', '/v2/app/tags/list')).json()
}
