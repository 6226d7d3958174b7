import { expect, test } from 'bun:test'
import { ManifestDelay } from '../../src/observe/manifest-delay.ts'
import { AppInTest } from '../support/app-in-test.ts'
import { IMPATIENT_POLICY } from '../support/collecting.ts'
import { contentOf } from '../support/images.ts'
import { poll } from '../support/processes.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const GONE_MS = 90_000
const RATE = 1_000

/** Which delays were told of a manifest GET, and which were asked before a removal. */
function watchDelays(): { readonly told: Set<ManifestDelay>; readonly asked: Set<ManifestDelay> } & Disposable {
  const { prototype } = ManifestDelay
  const { ended } = prototype
  const isLong = Object.getOwnPropertyDescriptor(prototype, 'isLong')
  if (isLong === undefined) throw new Error('a delay does not say whether it is long')
  const [told, asked] = [new Set<ManifestDelay>(), new Set<ManifestDelay>()]
  prototype.ended = function (this: ManifestDelay, exchange) {
    told.add(this)
    ended.call(this, exchange)
  }
  Object.defineProperty(prototype, 'isLong', {
    ...isLong,
    get(this: ManifestDelay): boolean {
      asked.add(this)
      return true
    },
  })
  const dispose = () => {
    prototype.ended = ended
    Object.defineProperty(prototype, 'isLong', isLong)
  }
  return { told, asked, [Symbol.dispose]: dispose }
}

test(
  'the collector asks after each batch how long manifest GETs of its process take',
  async () => {
    using folder = new TemporaryFolder({ inMemory: true })
    using delays = watchDelays()
    await using app = await AppInTest.start(folder, {}, { collector: { ...IMPATIENT_POLICY, rate: RATE } })
    const blob = contentOf('', Buffer.from('a layer that nothing names'))
    await app.client.pushBlob('app', blob)
    await app.client.getManifest('app', 'latest')

    await poll('the collector asks for it', GONE_MS, async () => (delays.asked.size > 0 ? true : undefined))

    expect([...delays.asked]).toEqual([...delays.told])
  },
  GONE_MS + 10_000,
)
