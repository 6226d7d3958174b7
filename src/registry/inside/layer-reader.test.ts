import { expect, setDefaultTimeout, test } from 'bun:test'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { imageOf } from '../../../test/support/inside-image.ts'
import { pushImage } from '../../../test/support/registry-client.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import type { Digest } from '../../oci/digest.ts'
import { LayerBytes } from './layer-bytes.ts'
import { LayerReader } from './layer-reader.ts'

setDefaultTimeout(120_000)

const { signal } = new AbortController()
const MINUTE_MS = 60_000
/** Between two looks at the clock. */
const [STEP_MS, STEP_BYTES] = [20 * MINUTE_MS, 64 * 1024]
const image = imageOf([[{ path: 'large', bytes: Buffer.alloc(4 * STEP_BYTES) }]])

test.each([
  [
    'is worked on for longer than half an hour ends with a sentence',
    0,
    [expect.stringContaining('takes longer to read than 30 minutes')],
  ],
  ['waits for hours is read to its end', STEP_MS, []],
])('a layer that %s', async (_, waitsMs, problems) => {
  using folder = new TemporaryFolder({ inMemory: true })
  await using berth = await BerthInProcess.start(folder.join('data'), { readsLayers: false })
  await pushImage(berth.client, 'app', image, 'v1')
  const clock = { nowMs: 0, waitedMs: 0 }
  const pace = async () => {
    clock.nowMs += STEP_MS
    clock.waitedMs += waitsMs
  }
  const { storage, opened } = berth
  const bytes = new LayerBytes({ storage, pace: () => Promise.resolve() })
  const layers = new LayerReader({
    ...{ metadata: opened.metadata, bytes, pace },
    ...{ waitedMs: () => clock.waitedMs, nowMs: () => clock.nowMs },
  })

  const read = await layers.read(image.layers[0]?.digest as Digest, signal)

  expect(read?.problems).toEqual(problems)
  expect(clock.nowMs).toBeGreaterThan(30 * MINUTE_MS)
})
