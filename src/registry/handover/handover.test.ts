import { afterEach, beforeEach, expect, test } from 'bun:test'
import { rm } from 'node:fs/promises'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { contentOf, makeImage } from '../../../test/support/images.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { parseDigest } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'
import type { Handover } from './handover.ts'

let folder: TemporaryFolder
let berth: BerthInProcess
let handover: Handover

beforeEach(async () => {
  folder = new TemporaryFolder()
  berth = await BerthInProcess.start(folder.path)
  handover = berth.registry.handover
})
afterEach(async () => {
  await berth.stop()
  folder[Symbol.dispose]()
})

test('without another database nobody waits', async () => {
  await handover.wait()

  expect(handover.isPending).toBe(false)
})

test('whoever waits goes on when it is over', async () => {
  handover.begin()
  const waiting = Promise.all([handover.wait(), handover.wait()])
  expect(await Promise.race([waiting, 'waits'])).toBe('waits')

  handover.end()

  await waiting
  await handover.wait()
  expect(handover.isPending).toBe(false)
})

test('whoever waits hears at once that it will not come about, and so does who comes later', async () => {
  handover.begin()
  const waiting = handover.wait()

  handover.refuse()

  const unavailable = { code: 'UNAVAILABLE', retryAfterSeconds: 10 }
  await expect(waiting).rejects.toMatchObject(unavailable)
  await expect(handover.wait()).rejects.toMatchObject(unavailable)
  expect(handover.isPending).toBe(true)
})

test('what it answers is what the storage says, whatever the metadata has, which it leaves as it is', async () => {
  const { client, opened } = berth
  const image = makeImage('there')
  for (const blob of [image.config, ...image.layers]) await client.pushBlob('app', blob)
  await client.putManifest('app', 'latest', image.manifest)
  const rows = async () => await opened.metadata.read.all('SELECT * FROM tag')
  const before = await rows()
  const other = contentOf('text/plain', new TextEncoder().encode('never pushed'))

  const name = parseRepositoryName('app')
  const tag = parseTag('latest')
  const layer = parseDigest(image.layers[0]?.digest ?? '')
  expect((await handover.manifests.read(name, tag)).content).toEqual(image.manifest.bytes)
  expect((await handover.blobs.get(name, layer)).size).toBe(image.layers[0]?.bytes.length ?? 0)
  await rm(folder.join('docker/registry/v2/repositories/app'), { recursive: true })

  await expect(handover.manifests.get(name, tag)).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' })
  await expect(handover.blobs.get(name, layer)).rejects.toMatchObject({ code: 'BLOB_UNKNOWN' })
  await expect(handover.blobs.get(name, parseDigest(other.digest))).rejects.toMatchObject({ code: 'BLOB_UNKNOWN' })
  expect(await rows()).toEqual(before)
})
