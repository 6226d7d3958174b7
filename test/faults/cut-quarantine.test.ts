import { describe, expect, test } from 'bun:test'
import { listClaimOwners } from '../../src/metadata/claims.ts'
import { pushImage } from '../collect/rows/row.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { bytes } from '../support/collected-places.ts'
import { type Cut, type CutWork, cutEverywhere } from '../support/cut-work.ts'
import { someOf, triesAll } from '../support/effort.ts'
import { blobsOf, type Content, makeImage } from '../support/images.ts'
import { describeOnRoots } from '../support/on-roots.ts'
import { expectStatus, type RegistryClient } from '../support/registry-client.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { layoutOf, loseDatabase, readStored, type TestRoot, writeStored } from '../support/test-root.ts'

const TEST_MS = 240_000
/** In CI every fourth cut, beginning with one of the first four. */
const STRIDE = triesAll ? 1 : 4
const random = new SeededRandom(seedFor('cuts of a quarantine'))
const REPOSITORIES = ['app', 'other'] as const
const image = makeImage('app', { layers: 1 })
const [layer] = image.layers as [Content]

const placeOf = (content: Content) => `docker/registry/v2/${bytes(content)}`
const asideOf = ({ digest }: Content) => `berth/v1/quarantine/${digest.replace(':', '.')}`
const wrong = ({ bytes: right }: Content) => right.map((byte, place) => (place === 9 ? byte ^ 1 : byte))
const repaired = async (berth: BerthInProcess) => await check(berth, true)

/** The findings, each as `kind outcome digest`. */
async function check({ registry }: BerthInProcess, repairs: boolean): Promise<readonly string[]> {
  const found: string[] = []
  await registry.check.run({
    ...{ repairs, isMirrored: () => false, signal: new AbortController().signal, onProgress: () => undefined },
    onFinding: ({ kind, outcome, digest }) => found.push(`${kind} ${outcome} ${digest}`),
  })
  return found
}

/** As clients do it: what is there is not sent. */
async function pushed({ client }: { readonly client: RegistryClient }): Promise<void> {
  for (const blob of blobsOf(image))
    if ((await client.headBlob('app', blob.digest)).status !== 200) await client.pushBlob('app', blob)
  await expectStatus(await client.putManifest('app', 'v1', image.manifest), 201)
}

/** An image in two repositories, of which a part has wrong bytes. */
const damaged = (root: () => TestRoot, content: Content) => async (berth: BerthInProcess) => {
  for (const repository of REPOSITORIES) await pushImage(berth.client, image, 'v1', repository)
  await berth.scan()
  await writeStored(root(), placeOf(content), wrong(content))
}

async function holdsWrong(root: TestRoot, path: string, content: Content): Promise<boolean> {
  const stored = await readStored(root, path)
  return stored !== undefined && Buffer.from(stored).equals(Buffer.from(wrong(content)))
}

type Work = (root: () => TestRoot) => CutWork

const WORKS: Readonly<Record<string, readonly [damages: Content, work: Work]>> = {
  'the quarantine of a layer': [layer, (root) => ({ before: damaged(root, layer), work: repaired })],
  'the quarantine of a manifest whose bytes the database has': [
    image.manifest,
    (root) => ({ before: damaged(root, image.manifest), work: repaired }),
  ],
  'the push that heals a layer': [
    layer,
    (root) => ({ before: async (berth) => await damaged(root, layer)(berth).then(() => repaired(berth)), work: pushed }),
  ],
}

/** Each work, and what has become of the database after it. */
const CASES = Object.entries(WORKS).flatMap(([title, [content, work]]) =>
  (['kept', 'gone'] as const).map((database) => ({ title, content, work, database })),
)

describeOnRoots('what was under way', (newRoot, kind) => {
  const chosen = someOf(`works that are cut on a ${kind}`, CASES, kind === 'bucket' ? 1 : 2)

  describe('at any step', () => {
    test.each(chosen)(
      '$title that is cut loses no bytes, and a push makes all of it whole, with the database $database after that',
      async ({ content, work, database }) => {
        let root: TestRoot = ''
        const rootOf = async ({ steps, after }: Cut) => {
          root = await newRoot(`${steps}-${after}`)
          return root
        }
        const cuts = await cutEverywhere(
          work(() => root),
          { rootOf, stride: STRIDE, first: random.below(STRIDE) },
          async (_, cut) => {
            if (database === 'gone') loseDatabase(root)
            await using berth = await BerthInProcess.start(root)
            await berth.registry.operations.sweep()
            await berth.scan()
            const [place, aside] = [placeOf(content), asideOf(content)]
            const kept = [await holdsWrong(root, place, content), await holdsWrong(root, aside, content)]
            expect([cut, kept.includes(true)]).toEqual([cut, true])

            await repaired(berth)
            await pushed(berth)
            // A repository that was not pushed to has the bytes again when its rows have followed the storage.
            await repaired(berth)

            expect([cut, await check(berth, false)]).toEqual([cut, []])
            for (const repository of REPOSITORIES) {
              await expectStatus(await berth.client.getManifest(repository, 'v1'), 200)
              for (const blob of blobsOf(image))
                expect(await (await berth.client.getBlob(repository, blob.digest)).bytes()).toEqual(new Uint8Array(blob.bytes))
            }
            expect([cut, await holdsWrong(root, aside, content)]).toEqual([cut, true])
            expect(await listClaimOwners(berth.opened.metadata.read)).toEqual([])
            expect((await layoutOf(root)).problems).toEqual([])
          },
        )
        expect(cuts).toBeGreaterThan(triesAll ? 8 : 2)
      },
      TEST_MS,
    )
  })
})
