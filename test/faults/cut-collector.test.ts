import { afterEach, beforeEach, expect, test } from 'bun:test'
import { listClaimOwners } from '../../src/metadata/claims.ts'
import { pushImage } from '../collect/rows/row.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { blobPlaces, imagePlaces, missing } from '../support/collected-places.ts'
import { collect, collectAll, DAY_MS, HOUR_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { cutEverywhere, loseDatabase } from '../support/cut-work.ts'
import { blobsOf, makeImage } from '../support/images.ts'
import { filesInDirectory } from '../support/stored-files.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 240_000
const kept = makeImage('kept', { layers: 1 })
const unneeded = makeImage('unneeded', { layers: 2 })
const GOES = blobPlaces('app', ...blobsOf(unneeded))

let folder: TemporaryFolder

beforeEach(() => {
  folder = new TemporaryFolder({ inMemory: true })
})
afterEach(() => folder[Symbol.dispose]())

/** Up to the pass that removes, which is cut. */
async function condemned(berth: BerthInProcess): Promise<void> {
  await pushImage(berth.client, kept, 'latest')
  for (const blob of blobsOf(unneeded)) await berth.client.pushBlob('app', blob)
  await berth.scan()
  await passTime(berth, DAY_MS)
  await collect(berth)
  await passTime(berth, HOUR_MS)
}

test.each(['kept', 'gone'])(
  'a collection that is cut after any step, with the database %s after that, goes on, and where it is gone not before the time for what is found',
  async (database) => {
    const cuts = await cutEverywhere(
      { options: { collector: TEST_POLICY }, before: condemned, work: collect },
      { rootOf: ({ steps, after }) => folder.join(`${steps}-${after}`) },
      async (root, cut) => {
        if (database === 'gone') loseDatabase(root)
        await using berth = await BerthInProcess.start(root, { collector: TEST_POLICY })
        await berth.scan()
        const left = [...filesInDirectory(root).paths].toSorted()
        if (database === 'gone') {
          for (let ms = 0; ms + DAY_MS < TEST_POLICY.foundMs; ms += DAY_MS) {
            await passTime(berth, DAY_MS)
            await collect(berth)
          }
          expect([cut, [...filesInDirectory(root).paths].toSorted()]).toEqual([cut, left])
        }

        await collectAll(berth, 4)

        expect([cut, missing(root, GOES)]).toEqual([cut, GOES])
        expect([cut, missing(root, imagePlaces('app', kept))]).toEqual([cut, []])
        expect(await listClaimOwners(berth.opened.metadata.read)).toEqual([])
      },
    )
    expect(cuts).toBeGreaterThan(10)
  },
  TEST_MS,
)
