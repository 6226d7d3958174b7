import { afterEach, beforeEach, expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { DAY_MS, HOUR_MS, passTime } from '../../../../test/support/collecting.ts'
import { type Image, makeImage, makeImageIndex } from '../../../../test/support/images.ts'
import { expectStatus } from '../../../../test/support/registry-client.ts'
import { RetentionLab } from '../../../../test/support/retention-lab.ts'
import { ruleOf } from '../../../../test/support/retention-rule.ts'
import { parseDigest } from '../../../oci/digest.ts'
import { parseRepositoryName } from '../../../oci/name.ts'
import { parseTag } from '../../../oci/reference.ts'
import { layout } from '../../../storage/layout.ts'

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

test('garbage-collect -m takes no earlier image that a rule keeps, nor what belongs to it, also while rules are only shown', async () => {
  const index = makeImageIndex([two])
  const report = makeImage('report', { subject: index.manifest, artifactType: 'application/vnd.test' })
  await lab.start({ dryRun: true, rules: [ruleOf('ci/**', 'latest', { moves: 2 })] })
  for (const repository of ['ci/app', 'ci/web', 'team/app']) {
    await lab.push(
      [
        [one, 'latest'],
        [two, two.manifest.digest],
        [report, report.manifest.digest],
      ],
      repository,
    )
    await expectStatus(await lab.berth.client.putManifest(repository, 'latest', index.manifest), 201)
    await lab.push([[three, 'latest']], repository)
  }
  await lab.push([[four, 'latest']], 'ci/web')
  await lab.passDays(2)

  const listed = await collectUntagged()

  const all = [one.manifest, index.manifest, two.manifest, report.manifest, three.manifest].map(({ digest }) => digest)
  const statuses = async (repository: string) => await Promise.all(all.map((digest) => lab.status(digest, repository)))
  expect(await statuses('ci/app')).toEqual([404, 200, 200, 200, 200])
  // What belongs to an image goes when that has gone.
  expect(await statuses('ci/web')).toEqual([404, 404, 200, 200, 200])
  expect(await statuses('team/app')).toEqual([404, 404, 200, 200, 200])
  expect(listed).toHaveLength(1 + 4 + 4)
})

test('garbage-collect -m takes no manifest of a repository where a rule keeps what its tags led to, and nothing tells what that is', async () => {
  await lab.start({ rules: [ruleOf('ci/**', 'latest', { moves: 2 })] })
  for (const image of [one, two, three]) await lab.push([[image, 'latest']])
  await lab.berth.opened.metadata.write((query) => query.run('DELETE FROM tag_move'))
  const tag = layout.tag(parseRepositoryName('ci/app'), parseTag('latest'))
  rmSync(lab.folder.join('data', tag, 'index'), { recursive: true })
  await lab.passDays(2)

  expect(await collectUntagged()).toEqual([])
})

test('garbage-collect -m takes nothing that runs where a rule keeps that, and nothing at all while a host is silent', async () => {
  await lab.start({ dryRun: true, rules: [ruleOf('ci/**', 'latest', { running: true })] })
  const index = makeImageIndex([two])
  await lab.push([one, two, three].map((image) => [image, image.manifest.digest] as const))
  await expectStatus(await lab.berth.client.putManifest('ci/app', index.manifest.digest, index.manifest), 201)
  const report = async (host: string, digest: string) => {
    const container = { container: 'c', repository: parseRepositoryName('ci/app'), digest: parseDigest(digest), state: 'running' }
    await lab.berth.registry.deployments.report({ host, reportedBy: undefined, containers: [container] })
  }
  await lab.passDays(2)

  const unreported = await collectUntagged()
  await report('web-1', two.manifest.digest)
  await report('web-2', three.manifest.digest)
  const listed = await collectUntagged()

  expect([unreported, listed]).toEqual([[], [one.manifest.digest]])
  const stays = [index.manifest, two.manifest, three.manifest].map(({ digest }) => digest)
  expect(await lab.statuses(...stays, one.manifest.digest)).toEqual([200, 200, 200, 404])
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
