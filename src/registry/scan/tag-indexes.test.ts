import { afterEach, beforeEach, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { blobsOf, type Image, makeImage } from '../../../test/support/images.ts'
import { expectStatus } from '../../../test/support/registry-client.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { writeProperty } from '../../metadata/scans.ts'

const [deleted, former, current] = ['deleted', 'former', 'current'].map((name) => makeImage(name, { layers: 1 })) as [
  Image,
  Image,
  Image,
]

let folder: TemporaryFolder
let berth: BerthInProcess

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await BerthInProcess.start(folder.join('data'))
  for (const image of [deleted, former, current]) {
    for (const blob of blobsOf(image)) await berth.client.pushBlob('app', blob)
    await expectStatus(await berth.client.putManifest('app', 'latest', image.manifest), 201)
  }
  await berth.scan()
})
afterEach(async () => {
  await berth.stop()
  folder[Symbol.dispose]()
})

test('a week later the entry of a manifest that has gone goes; that of one without a tag, and of the current one, stay', async () => {
  await expectStatus(await berth.client.deleteManifest('app', deleted.manifest.digest), 202)
  expect([deleted, former, current].map(hasEntry)).toEqual([true, true, true])

  await lookAgain()

  expect([deleted, former, current].map(hasEntry)).toEqual([false, true, true])
  expect(await (await berth.client.getManifest('app', 'latest')).bytes()).toEqual(current.manifest.bytes)
})

test('the entry of what a tag points to stays although its manifest has gone from the storage', async () => {
  const v2 = folder.join('data/docker/registry/v2')
  await rm(join(v2, 'repositories/app/_manifests/revisions/sha256', hexOf(current)), { recursive: true })
  await rm(join(v2, 'blobs/sha256', hexOf(current).slice(0, 2), hexOf(current)), { recursive: true })
  await berth.stop()
  berth = await BerthInProcess.start(folder.join('data'))
  await berth.scan()

  await lookAgain()

  expect([deleted, former, current].map(hasEntry)).toEqual([true, true, true])
})

/** A week after the last look at everything. */
async function lookAgain(): Promise<void> {
  await berth.opened.metadata.write((query) => writeProperty(query, 'complete-at-ms', '0'))
  await berth.scan()
}

function hasEntry(image: Image): boolean {
  const tag = 'data/docker/registry/v2/repositories/app/_manifests/tags/latest'
  return existsSync(folder.join(tag, 'index/sha256', hexOf(image), 'link'))
}

function hexOf({ manifest }: Image): string {
  return manifest.digest.slice(7)
}
