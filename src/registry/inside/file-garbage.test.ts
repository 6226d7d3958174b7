import { expect, setDefaultTimeout, test } from 'bun:test'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { imageOf } from '../../../test/support/inside-image.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import type { Digest } from '../../oci/digest.ts'
import { FileGarbage } from './file-garbage.ts'
import { readTree } from './image-tree.ts'
import { LayerReader } from './layer-reader.ts'

setDefaultTimeout(120_000)

const FILES = 9_000
const [signal, pace] = [new AbortController().signal, () => Promise.resolve()]

/** How often the engine is asked for one. */
class Collections {
  count = 0
  readonly garbage = new FileGarbage(() => {
    this.count += 1
  })
}

test('what 4,000 files leave behind is collected, while a layer is read and while files are put together', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  await using berth = await BerthInProcess.start(folder.join('data'), { readsLayers: false })
  const { metadata } = berth.opened
  const [layer] = imageOf([Array.from({ length: FILES }, (_, number) => ({ path: `usr/share/${number}` }))]).layers
  if (layer === undefined) throw new Error('the image has no layer')
  await berth.client.pushBlob('app', layer)
  const bytes = { find: async () => new Blob([layer.bytes]).stream() }
  const [reading, puttingTogether] = [new Collections(), new Collections()]

  const read = await new LayerReader({ metadata, bytes, pace, ...reading }).read(layer.digest as Digest, signal)
  const { files } = await readTree(metadata.read, [read?.id], { signal, ...puttingTogether })

  expect(files.list('usr/share')).toHaveLength(FILES)
  expect([reading.count, puttingTogether.count]).toEqual([2, 2])
})
