import { describe, expect, test } from 'bun:test'
import { listClaimOwners } from '../../src/metadata/claims.ts'
import { ownWork } from '../../src/observe/actor.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { NoSuchDeletion, Undeletion } from '../../src/registry/deleting/undeletion.ts'
import { NO_POLICY } from '../../src/registry/retention/retention-policy.ts'
import { pushImage } from '../collect/rows/row.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { collect, DAY_MS, HOUR_MS, MINUTE_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { cutAt } from '../support/cut-work.ts'
import { someOf, triesAll } from '../support/effort.ts'
import { blobsOf, makeImage, makeImageIndex } from '../support/images.ts'
import { describeOnRoots } from '../support/on-roots.ts'
import { expectStatus } from '../support/registry-client.ts'
import { ruleOf } from '../support/retention-rule.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { layoutOf, loseDatabase } from '../support/test-root.ts'

const TEST_MS = 240_000
const random = new SeededRandom(seedFor('cuts of a deletion'))
const app = parseRepositoryName('app')
const image = makeImage('app', { layers: 1 })
const child = makeImage('child', { layers: 1 })
const index = makeImageIndex([child])
/** By their names, and what is part of an image index. */
const TAGGED = { v1: image.manifest, latest: image.manifest, multi: index.manifest, [child.manifest.digest]: child.manifest }
/** `v1` goes a week after its push. */
const RETENTION = { ...NO_POLICY, dryRun: false, rules: [ruleOf('**', 'v*', { pushedMs: 7 * DAY_MS })] }

const deletes =
  (reference: string) =>
  async ({ client }: BerthInProcess) =>
    await expectStatus(await client.deleteManifest('app', reference, { force: true }), 202)
const deleted = deletes(image.manifest.digest)

/** What was part of an image index goes when that has gone for so long. */
async function released(berth: BerthInProcess): Promise<void> {
  await deletes('multi')(berth)
  await deletes(index.manifest.digest)(berth)
  await berth.scan()
  await passTime(berth, DAY_MS)
  await collect(berth)
  await passTime(berth, HOUR_MS)
}

async function outlived(berth: BerthInProcess): Promise<void> {
  await berth.scan()
  await passTime(berth, 8 * DAY_MS)
}

async function undeleted({ registry }: BerthInProcess): Promise<void> {
  const ignored = () => undefined
  const undeletion = new Undeletion({
    ...{ records: registry.records, restoration: registry.restoration, actor: ownWork('test') },
    ...{ signal: new AbortController().signal, onRestored: ignored, onGone: ignored },
    onUnreadable: (path) => {
      throw new Error(`${path} is no record`)
    },
  })
  await undeletion.bringBack({ kind: 'repository', repository: app })
}

async function digestOf({ client }: BerthInProcess, reference: string): Promise<string | null> {
  return (await client.getManifest('app', reference)).headers.get('docker-content-digest')
}

async function pushed({ client }: BerthInProcess): Promise<void> {
  for (const tag of ['v1', 'latest']) await pushImage(client, image, tag)
  await pushImage(client, child, child.manifest.digest)
  await expectStatus(await client.putManifest('app', 'multi', index.manifest), 201)
}

interface Works {
  /** What comes back of `TAGGED`; left out, all. The grace of the rest is over. */
  readonly comes?: readonly string[]
  readonly before?: (berth: BerthInProcess) => Promise<unknown>
  readonly work: (berth: BerthInProcess) => Promise<unknown>
}

const WORKS: Readonly<Record<string, Works>> = {
  'a deletion': { work: deleted },
  'a deletion of a tag': { work: deletes('v1') },
  'a rule': { before: outlived, work: async ({ registry }) => await registry.retention.duty?.run(new AbortController().signal) },
  'a removal by the collector': { before: released, work: collect, comes: ['v1', 'latest', child.manifest.digest] },
  'an undelete': { before: deleted, work: undeleted },
  'an undelete of a tag': { before: deletes('v1'), work: undeleted },
  'an undelete of what the collector took': {
    before: async (berth) => await released(berth).then(() => collect(berth)),
    work: undeleted,
    comes: ['v1', 'latest', child.manifest.digest],
  },
}

/** Each work, and what has become of the database after it. */
const CASES = Object.entries(WORKS).flatMap(([title, work]) =>
  (['gone', 'kept'] as const).map((database) => ({ ...work, title, database })),
)

describeOnRoots('what was under way', (newRoot, kind) => {
  // A cut costs four pushes, and as many looks: of each work or its kin, a run tries some.
  const chosen = someOf(`works that are cut on a ${kind}`, CASES, kind === 'bucket' ? 1 : 5)
  const stride = triesAll ? 1 : 4

  describe('at any change of the storage', () => {
    test.each(chosen)(
      '$title that is cut can be undone, or had removed nothing, with the database $database after that',
      async ({ before, work, comes, database }) => {
        // In CI every fourth one, beginning with one of the first four.
        let cuts = random.below(stride)
        for (let isCut = true; isCut; cuts += stride) {
          const root = await newRoot(`cut-${cuts}`)
          isCut = await cutAt({ steps: 'changes', after: cuts }, root, {
            options: { collector: TEST_POLICY, retention: RETENTION },
            before: async (berth) => await pushed(berth).then(() => before?.(berth)),
            work,
          })
          if (database === 'gone') loseDatabase(root)
          await using berth = await BerthInProcess.start(root, { collector: TEST_POLICY })
          await berth.scan()
          // The last minute in which it can be undone.
          await passTime(berth, DAY_MS - MINUTE_MS)
          await collect(berth)

          await undeleted(berth).catch((error: unknown) => {
            if (!(error instanceof NoSuchDeletion)) throw error
          })

          const expected = Object.entries(TAGGED).filter(([name]) => comes?.includes(name) ?? true)
          const shown = expected.map(async ([name]) => [name, await digestOf(berth, name)] as const)
          expect({ cuts, shown: await Promise.all(shown) }).toEqual({
            cuts,
            shown: expected.map(([name, { digest }]) => [name, digest]),
          })
          for (const { digest } of [...blobsOf(image), ...blobsOf(child)])
            await expectStatus(await berth.client.getBlob('app', digest), 200)
          expect(await listClaimOwners(berth.opened.metadata.read)).toEqual([])
          expect((await layoutOf(root)).problems).toEqual([])
        }
        expect(cuts).toBeGreaterThan(kind === 'bucket' ? 1 : 5)
      },
      TEST_MS,
    )
  })
})
