import { expect, setDefaultTimeout, spyOn, test } from 'bun:test'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { imageOf } from '../../../test/support/inside-image.ts'
import { pushImage } from '../../../test/support/registry-client.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
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
  const layers = new LayerReader({ ...parts, waitedMs: () => 0, garbage: ofLayers })

  await new ImageReader({ ...parts, layers, garbage: ofImages }).read(image.manifest.digest as Digest, signal)

  expect([ofLayers.collections, ofImages.collections]).toEqual([
    ['new', 'new'],
    ['new', 'new'],
  ])
  expect(ofImages.dropped).toEqual([FILES])
})

test('a registry does so, and lets go of an image that was read', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  await using berth = await BerthInProcess.start(folder.join('data'), { readsLayers: true })
  await pushImage(berth.client, 'app', imageOf([[{ path: 'a' }, { path: 'b' }]]), 'v1')
  using added = spyOn(FileGarbage.prototype, 'add')
  using dropped = spyOn(FileGarbage.prototype, 'drop')

  await berth.registry.insideDuty.run(signal)

  expect(added.mock.calls).toEqual([[2], [2]])
  expect(dropped.mock.calls).toEqual([[2]])
})

test('after 64,000 files, and after an image that has so many, all is collected', async () => {
  const garbage = new Asked()

  for (let piece = 0; piece < 40; piece += 1) garbage.add(2_000)
  garbage.drop(63_999)
  garbage.drop(64_000)
  const inThisTurn = garbage.collections.length
  const { promise, resolve } = Promise.withResolvers<void>()
  setTimeout(resolve, 0)
  await promise

  expect(garbage.collections).toEqual([...Array.from({ length: 15 }, () => 'new'), 'all', 'new', 'new', 'new', 'new', 'all'])
  expect(inThisTurn).toBe(20)
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
