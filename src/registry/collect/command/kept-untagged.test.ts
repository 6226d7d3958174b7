import { afterEach, beforeEach, expect, test } from 'bun:test'
import { DAY_MS, HOUR_MS, passTime } from '../../../../test/support/collecting.ts'
import { type Image, makeImage, makeImageIndex } from '../../../../test/support/images.ts'
import { expectStatus } from '../../../../test/support/registry-client.ts'
import { RetentionLab } from '../../../../test/support/retention-lab.ts'
import { ruleOf } from '../../../../test/support/retention-rule.ts'
import { parseDigest } from '../../../oci/digest.ts'
import { parseRepositoryName } from '../../../oci/name.ts'

const [one, two, three, four] = ['one', 'two', 'three', 'four'].map((name) => makeImage(name, { layers: 1 })) as [
  Image,
  Image,
  Image,
  Image,
]
const signal = new AbortController().signal

let lab: RetentionLab

beforeEach(() => {
  lab = new RetentionLab()
})
afterEach(() => lab[Symbol.asyncDispose]())

test('garbage-collect -m neither lists nor takes what is held by its digest, nor what belongs to that', async () => {
  const index = makeImageIndex([one, two])
  const report = makeImage('report', { subject: index.manifest, artifactType: 'application/vnd.test' })
  await lab.start({})
  await lab.push([one, two].map((image) => [image, image.manifest.digest] as const))
  await expectStatus(await lab.berth.client.putManifest('ci/app', index.manifest.digest, index.manifest), 201)
  await lab.push([report, three, four].map((image) => [image, image.manifest.digest] as const))
  const { holds } = lab.berth.registry
  await holds.hold(parseRepositoryName('ci/app'), parseDigest(index.manifest.digest))
  await holds.hold(parseRepositoryName('ci/app'), parseDigest(three.manifest.digest))
  await lab.passDays(2)

  const listed = await collectUntagged()

  expect(listed).toEqual([four.manifest.digest])
  const stays = [index.manifest, one.manifest, two.manifest, report.manifest, three.manifest].map(({ digest }) => digest)
  expect(await lab.statuses(...stays, four.manifest.digest)).toEqual([200, 200, 200, 200, 200, 404])
})

test('garbage-collect -m takes no earlier image where a rule keeps those that its tags led to', async () => {
  await lab.start({ dryRun: true, rules: [ruleOf('ci/**', 'latest', { moves: 5 })] })
  for (const repository of ['ci/app', 'team/app'])
    await lab.push(
      [
        [one, 'latest'],
        [two, 'latest'],
      ],
      repository,
    )
  await lab.passDays(2)

  const listed = await collectUntagged()

  expect(listed).toEqual([one.manifest.digest])
  expect(await lab.status(one.manifest.digest)).toBe(200)
  expect(await lab.status(one.manifest.digest, 'team/app')).toBe(404)
})

/** What `garbage-collect -m` does beside a server, and what the server's collector does when the window is over. Gives what was listed. */
async function collectUntagged(): Promise<readonly string[]> {
  const listed: string[] = []
  const { commandCollection, collector } = lab.berth.registry
  await commandCollection.run({
    ...{ removesUntagged: true, dryRun: false, graceMs: DAY_MS, windowMs: HOUR_MS, signal },
    told: { repository: ignore, marksManifest: ignore, marksBlob: ignore, untagged: (_, digest) => listed.push(digest) },
    onPlan: ignore,
  })
  await passTime(lab.berth, 2 * HOUR_MS)
  await collector.removeCondemned(HOUR_MS, signal)
  return listed
}

function ignore(): void {
  // Those lines are another test's.
}
