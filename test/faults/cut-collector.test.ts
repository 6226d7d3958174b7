import { expect, test } from 'bun:test'
import { listClaimOwners } from '../../src/metadata/claims.ts'
import { pushImage } from '../collect/rows/row.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { blobPlaces, imagePlaces, type Place } from '../support/collected-places.ts'
import { collect, collectAll, DAY_MS, HOUR_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { cutEverywhere } from '../support/cut-work.ts'
import { someOf, triesAll } from '../support/effort.ts'
import { blobsOf, makeImage } from '../support/images.ts'
import { describeOnRoots } from '../support/on-roots.ts'
import { filesIn } from '../support/stored-files.ts'
import { loseDatabase, type TestRoot } from '../support/test-root.ts'

const TEST_MS = 240_000
const kept = makeImage('kept', { layers: 1 })
const unneeded = makeImage('unneeded', { layers: 2 })
const GOES = blobPlaces('app', ...blobsOf(unneeded))

const pathsIn = async (root: TestRoot) => [...(await filesIn(root)).paths].toSorted()

/** Up to the pass that removes, which is cut. */
async function condemned(berth: BerthInProcess): Promise<void> {
  await pushImage(berth.client, kept, 'latest')
  for (const blob of blobsOf(unneeded)) await berth.client.pushBlob('app', blob)
  await berth.scan()
  await passTime(berth, DAY_MS)
  await collect(berth)
  await passTime(berth, HOUR_MS)
}

async function missing(root: TestRoot, places: readonly Place[]): Promise<readonly Place[]> {
  const { paths } = await filesIn(root)
  return places.filter((place) => !paths.has(place))
}

describeOnRoots('a collection', (newRoot, kind) => {
  test.each(someOf(`databases after a collection that is cut on a ${kind}`, ['kept', 'gone'] as const, 1))(
    'that is cut after any step, with the database %s after that, goes on, and where it is gone not before the time for what is found',
    async (database) => {
      const cuts = await cutEverywhere(
        { options: { collector: TEST_POLICY }, before: condemned, work: collect },
        {
          rootOf: async ({ steps, after }) => await newRoot(`${steps}-${after}`),
          stride: kind === 'bucket' && !triesAll ? 3 : 1,
        },
        async (root, cut) => {
          if (database === 'gone') loseDatabase(root)
          await using berth = await BerthInProcess.start(root, { collector: TEST_POLICY })
          await berth.scan()
          const left = await pathsIn(root)
          if (database === 'gone') {
            for (let ms = 0; ms + DAY_MS < TEST_POLICY.foundMs; ms += DAY_MS) {
              await passTime(berth, DAY_MS)
              await collect(berth)
            }
            expect([cut, await pathsIn(root)]).toEqual([cut, left])
          }

          await collectAll(berth, 4)

          expect([cut, await missing(root, GOES)]).toEqual([cut, GOES])
          expect([cut, await missing(root, imagePlaces('app', kept))]).toEqual([cut, []])
          expect(await listClaimOwners(berth.opened.metadata.read)).toEqual([])
        },
      )
      expect(cuts).toBeGreaterThan(kind === 'bucket' ? 4 : 10)
    },
    TEST_MS,
  )
})
