import { edenGC } from 'bun:jsc'
import { expect, setDefaultTimeout, test } from 'bun:test'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { imageOf } from '../../../test/support/inside-image.ts'
import { pushImage } from '../../../test/support/registry-client.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import type { LayerFile } from '../../images/inside/files/layer-file.ts'
import { LayerTable } from '../../images/inside/files/layer-table.ts'
import type { Digest } from '../../oci/digest.ts'
import { FileGarbage } from './file-garbage.ts'
import { ImageReader } from './image-reader.ts'
import { LayerBytes } from './layer-bytes.ts'
import { LayerReader } from './layer-reader.ts'

setDefaultTimeout(120_000)

const FILES = 9_000
const [signal, pace] = [new AbortController().signal, () => Promise.resolve()]

test('what 4,000 files leave behind is collected, while a layer is read and while files are put together', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  await using berth = await BerthInProcess.start(folder.join('data'), { readsLayers: false })
  const { storage, opened } = berth
  const image = imageOf([Array.from({ length: FILES }, (_, number) => ({ path: `usr/share/${number}` }))])
  await pushImage(berth.client, 'app', image, 'v1')
  const [ofLayers, ofImages] = [new Asked(), new Asked()]
  const parts = { storage, metadata: opened.metadata, bytes: new LayerBytes({ storage, pace }), pace }
  const layers = new LayerReader({ ...parts, garbage: ofLayers })

  await new ImageReader({ ...parts, layers, garbage: ofImages }).read(image.manifest.digest as Digest, signal)

  expect([ofLayers.collections, ofImages.collections]).toEqual([
    ['new', 'new'],
    ['new', 'new'],
  ])
  expect(ofImages.dropped).toEqual([FILES])
})

test('after 64,000 files, and after an image that has so many, all is collected', async () => {
  const garbage = new Asked()

  for (let piece = 0; piece < 40; piece += 1) garbage.add(2_000)
  garbage.drop(63_999)
  garbage.drop(64_000)
  const { promise, resolve } = Promise.withResolvers<void>()
  setTimeout(resolve, 0)
  await promise

  expect(garbage.collections).toEqual([...Array.from({ length: 15 }, () => 'new'), 'all', 'new', 'new', 'new', 'new', 'all'])
})

test('nothing holds the files of a piece of a table when they are collected', async () => {
  const kept: WeakRef<LayerFile>[] = []
  const table = new LayerTable(async () => undefined, edenGC)

  for (let number = 0; number < 20_000; number += 1) {
    const file = fileAt(number)
    kept.push(new WeakRef(file))
    await table.addFile(file)
  }

  // Some may lie on the stack.
  expect(kept.filter((file) => file.deref() !== undefined).length).toBeLessThan(5_000)
})

/** How often the engine is asked for a collection, and what was let go. */
class Asked extends FileGarbage {
  readonly collections: string[]
  readonly dropped: number[] = []

  constructor() {
    const collections: string[] = []
    super((what) => void collections.push(what))
    this.collections = collections
  }

  override drop(files: number): void {
    this.dropped.push(files)
    super.drop(files)
  }
}

function fileAt(number: number): LayerFile {
  const owner = { userId: 0, groupId: 0, target: '', found: undefined, fingerprint: undefined }
  return { path: `usr/share/${number}`, place: number, kind: 'file', mode: 0o644, size: 0, ...owner }
}
