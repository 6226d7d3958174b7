import { edenGC } from 'bun:jsc'
import { expect, setDefaultTimeout, spyOn, test } from 'bun:test'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { imageOf } from '../../../test/support/inside-image.ts'
import { pushImage } from '../../../test/support/registry-client.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { ImageFiles } from '../../images/inside/files/image-files.ts'
import type { LayerFile } from '../../images/inside/files/layer-file.ts'
import { LayerTable } from '../../images/inside/files/layer-table.ts'
import type { Query } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import { FileGarbage } from './file-garbage.ts'
import { ImageReader } from './image-reader.ts'
import { readTree } from './image-tree.ts'
import { LayerBytes } from './layer-bytes.ts'
import { LayerReader } from './layer-reader.ts'

setDefaultTimeout(120_000)

const FILES = 9_000
/** Of ten pieces of a table. */
const MANY = 20_000
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

test('nothing holds the files of a piece of a table when they are collected', async () => {
  const kept: WeakRef<LayerFile>[] = []
  const table = new LayerTable(async () => undefined, edenGC)

  for (let number = 0; number < MANY; number += 1) {
    const file = fileAt(number)
    kept.push(new WeakRef(file))
    await table.addFile(file)
  }

  expect(countOf(kept)).toBeLessThan(MANY / 2)
})

test('nothing holds the files of a piece that were put together when they are collected', async () => {
  const pieces: Uint8Array[] = []
  const table = new LayerTable(async ({ bytes }) => void pieces.push(bytes))
  for (let number = 0; number < MANY; number += 1) await table.addFile(fileAt(number))
  const query = { get: async (_: string, __: number, last: number) => pieceAfter(last) } as unknown as Query
  const pieceAfter = (last: number) => {
    const number = Math.max(0, last + 1)
    const bytes = pieces[number]
    return bytes && { number, bytes }
  }
  const kept: WeakRef<LayerFile>[] = []
  const { addFile } = ImageFiles.prototype
  ImageFiles.prototype.addFile = function (file) {
    kept.push(new WeakRef(file))
    addFile.call(this, file)
  }

  try {
    await readTree(query, [1], { signal, garbage: { add: edenGC } })
  } finally {
    ImageFiles.prototype.addFile = addFile
  }

  expect(kept).toHaveLength(MANY)
  expect(countOf(kept)).toBeLessThan(MANY / 2)
})

/** Some may lie on the stack. */
function countOf(kept: readonly WeakRef<LayerFile>[]): number {
  return kept.filter((file) => file.deref() !== undefined).length
}

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
