import { afterEach, beforeEach, describe, expect, spyOn, test } from 'bun:test'
import { collectAll, DAY_MS, passTime } from '../../../test/support/collecting.ts'
import { blobsOf, type Image, makeImage, makeImageIndex } from '../../../test/support/images.ts'
import { expectStatus } from '../../../test/support/registry-client.ts'
import { RetentionLab } from '../../../test/support/retention-lab.ts'
import { ruleOf as rule } from '../../../test/support/retention-rule.ts'
import { parseDigest } from '../../oci/digest.ts'
import { OCI_IMAGE_MANIFEST } from '../../oci/media-types.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'

const CI = parseRepositoryName('ci/app')
const [one, two, three, four] = ['one', 'two', 'three', 'four'].map((name) => makeImage(name, { layers: 1 })) as [
  Image,
  Image,
  Image,
  Image,
]

let lab: RetentionLab

beforeEach(() => {
  lab = new RetentionLab()
})
afterEach(() => lab[Symbol.asyncDispose]())

describe('a pass of the rules', () => {
  test('takes the tags that no line keeps, and leaves the others, their manifests, and what no rule names', async () => {
    await lab.start({ rules: [rule('ci/**', 'pr-*', { newest: 1, pushedMs: 7 * DAY_MS })] })
    await lab.push([
      [one, 'pr-1'],
      [one, 'release'],
      [two, 'pr-2'],
    ])
    await lab.passDays(8)
    await lab.push([
      [three, 'pr-3'],
      [four, 'pr-4'],
    ])
    await lab.push([[one, 'pr-1']], 'team/app')

    await lab.pass()

    expect(await lab.statuses('pr-1', 'pr-2', 'pr-3', 'pr-4', 'release')).toEqual([404, 404, 200, 200, 200])
    expect(await lab.statuses(one.manifest.digest, two.manifest.digest)).toEqual([200, 200])
    expect(await lab.status('pr-1', 'team/app')).toBe(200)
    expect(lab.berth.log.lines).toContainEqual(
      expect.objectContaining({
        message: 'removed what the rules for tags let go',
        fields: { repository: 'ci/app', tags: 2, manifests: 0, first: expect.arrayContaining(['pr-1', 'pr-2']) },
      }),
    )
  })

  test('leaves a tag that has moved, and a manifest that has got a tag, since they were decided on', async () => {
    await lab.start({ rules: [rule('ci/**', 'pr-*', { pushedMs: 3 * DAY_MS })], untaggedMs: 2 * DAY_MS })
    await lab.berth.registry.retention.pulls.write()
    await lab.push([
      [one, 'pr-1'],
      [two, 'pr-2'],
      [two, 'stable'],
      [three, three.manifest.digest],
    ])
    await lab.pass()
    await lab.passDays(3)
    await lab.push([[one, 'pr-9']])
    const { manifests } = lab.berth.registry
    const remove = manifests.delete.bind(manifests)
    let meanwhile: Promise<void> | undefined
    const removing = spyOn(manifests, 'delete').mockImplementation(async (...words) => {
      meanwhile ??= lab.push([
        [four, 'pr-1'],
        [three, 'late'],
      ])
      await meanwhile
      return await remove(...words)
    })

    await lab.run()

    expect(removing.mock.calls.map(([, reference]) => String(reference)).toSorted()).toEqual(
      [three.manifest.digest, 'pr-1', 'pr-2'].toSorted(),
    )
    expect(await lab.statuses('pr-1', 'pr-2', 'late', three.manifest.digest)).toEqual([200, 404, 200, 200])
  })

  test('only says so in a dry run, once', async () => {
    await lab.start({ dryRun: true, rules: [rule('**', 'pr-*', { newest: 1 })] })
    await lab.push([[one, 'pr-1']])
    await lab.passDays(1)
    await lab.push([[two, 'pr-2']])

    await lab.pass()
    await lab.run()

    expect(await lab.statuses('pr-1', 'pr-2')).toEqual([200, 200])
    const said = lab.berth.log.lines.filter(({ message }) => message.startsWith('the rules for tags would remove'))
    expect(said.map(({ fields }) => fields)).toEqual([expect.objectContaining({ repositories: 1, tags: 1, manifests: 0 })])
  })

  test('takes nothing by a rule that matches everything, and says so', async () => {
    await lab.start({ rules: [rule('**', '*', { pushedMs: DAY_MS })] })
    await lab.push([
      [one, 'v1'],
      [two, 'v2'],
    ])
    await lab.passDays(90)

    await lab.pass()

    expect(await lab.statuses('v1', 'v2')).toEqual([200, 200])
    expect(Object.values(await lab.decided())).toEqual(
      Array(2).fill('stays: rule 1 would take all 2 tags of the repository, and so takes none; berth delete does'),
    )
    expect(lab.berth.log.lines).toContainEqual(
      expect.objectContaining({
        level: 'error',
        message: 'a rule would take every tag of these repositories, and takes none of them',
        fields: { repositories: 1, first: ['ci/app'], removes: 'berth delete' },
      }),
    )
  })

  test('waits until everything has been read, and for the first hour of a start', async () => {
    await lab.start({ rules: [rule('**', 'pr-*', { newest: 1 })] }, { isScanned: false })
    await lab.push([[one, 'pr-1']])
    await passTime(lab.berth, 60_000)
    await lab.push([[two, 'pr-2']])

    await lab.run()
    await lab.berth.scan()
    await lab.run()

    expect(await lab.statuses('pr-1', 'pr-2')).toEqual([200, 200])
    expect(
      lab.berth.log.lines.filter(({ message }) => message === 'the rules for tags wait').map(({ fields }) => fields?.reason),
    ).toEqual(['scan', 'epoch'])
    await lab.pass()
    expect(await lab.statuses('pr-1', 'pr-2')).toEqual([404, 200])
  })

  test('leaves what is held, by its tag or its digest, until it is let go', async () => {
    await lab.start({ rules: [rule('**', 'pr-*', { newest: 1 })] })
    for (const push of [
      [one, 'pr-1'],
      [two, 'pr-2'],
      [three, 'pr-3'],
    ] as const) {
      await lab.push([push])
      await lab.passDays(1)
    }
    const { holds } = lab.berth.registry
    await holds.hold(CI, parseTag('pr-1'))
    await holds.hold(CI, parseDigest(two.manifest.digest))

    await lab.pass()
    const held = await lab.statuses('pr-1', 'pr-2', 'pr-3')
    await holds.unhold(CI, parseTag('pr-1'))
    await lab.pass()

    expect(held).toEqual([200, 200, 200])
    expect(await lab.statuses('pr-1', 'pr-2', 'pr-3')).toEqual([404, 200, 200])
  })
})

test('bytes are those that only what goes holds, each once, with children and referrers', async () => {
  const [shared, parts] = [makeImage('shared', { layers: 2 }), (image: Image) => [image.manifest, ...blobsOf(image)]]
  const index = makeImageIndex([one, two])
  const report = makeImage('report', { subject: index.manifest, artifactType: 'application/vnd.test' })
  await lab.start({ rules: [rule('**', 'pr-*', { newest: 1 })] })
  await lab.push([one, two].map((image) => [image, image.manifest.digest] as const))
  await expectStatus(await lab.berth.client.putManifest('ci/app', 'pr-1', index.manifest), 201)
  await lab.push([
    [report, report.manifest.digest],
    [three, 'pr-2'],
    [three, 'pr-3'],
    [shared, 'pr-4'],
    [two, 'kept'],
  ])
  await lab.push([[shared, 'v1']], 'team/app')
  await lab.passDays(1)
  await lab.push([[four, 'pr-5']])

  const freed = new Map([index.manifest, ...[one, three, report].flatMap(parts)].map((part) => [part.digest, part.bytes.length]))
  for (const part of [two, four, shared].flatMap(parts)) freed.delete(part.digest)
  expect(await lab.bytes()).toEqual([
    { going: 0, untagged: [...freed.values()].reduce((sum, size) => sum + size) },
    { going: 0, untagged: 0 },
  ])
})

describe('manifests without a tag', () => {
  test('are not collected while their digest is held, also when a delete has released them', async () => {
    await lab.start({})
    const report = makeImage('report', { subject: one.manifest, artifactType: 'application/vnd.test' })
    await lab.push([[one, 'v1']])
    await lab.push([[report, report.manifest.digest]])
    const { holds } = lab.berth.registry
    await holds.hold(CI, parseDigest(report.manifest.digest))
    await expectStatus(await lab.berth.client.deleteManifest('ci/app', one.manifest.digest), 202)

    await collectAll(lab.berth, 3)
    const held = await lab.status(report.manifest.digest)
    await holds.unhold(CI, parseDigest(report.manifest.digest))
    await collectAll(lab.berth, 3)

    expect([held, await lab.status(report.manifest.digest)]).toEqual([200, 404])
  })

  test('go when they have been without one for long enough, counted from the first pass that found them so', async () => {
    await lab.start({ untaggedMs: 30 * DAY_MS })
    await lab.berth.registry.retention.pulls.write()
    await lab.push([[one, 'latest']])
    await lab.passDays(100)
    await lab.push([[two, 'latest']])

    await lab.pass()
    await lab.passDays(28)
    await lab.pass()
    const before = await lab.status(one.manifest.digest)
    await lab.passDays(1)
    await lab.pass()

    expect([before, await lab.status(one.manifest.digest), await lab.status('latest')]).toEqual([200, 404, 200])
  })

  test('have their whole time when their image index goes, however long they were without a tag', async () => {
    await lab.start({ untaggedMs: 30 * DAY_MS })
    await lab.berth.registry.retention.pulls.write()
    await lab.push([[one, one.manifest.digest]])
    const index = makeImageIndex([one])
    await expectStatus(await lab.berth.client.putManifest('ci/app', 'v1', index.manifest), 201)
    await lab.pass()
    await lab.passDays(60)
    await expectStatus(await lab.berth.client.deleteManifest('ci/app', index.manifest.digest), 202)

    await lab.pass()

    expect(await lab.status(one.manifest.digest)).toBe(200)
  })

  test('that were pulled stay, unless it was a user whose pulls do not count', async () => {
    await lab.start({ untaggedMs: 30 * DAY_MS, ignoredPullers: ['scanner'] })
    const { pulls } = lab.berth.registry.retention
    await pulls.write()
    for (const image of [one, two, three]) await lab.push([[image, 'latest']])
    await lab.pass()
    await lab.passDays(40)
    await expectStatus(await lab.berth.client.getManifest('ci/app', one.manifest.digest), 200)
    const digest = parseDigest(two.manifest.digest)
    const pulled = { repository: CI, reference: digest, digest, mediaType: OCI_IMAGE_MANIFEST }
    pulls.pulled(pulled, { name: 'scanner', address: undefined, requestId: 'request' })
    await pulls.write()

    await lab.pass()

    expect(await lab.statuses(one.manifest.digest, two.manifest.digest, 'latest')).toEqual([200, 404, 200])
  })

  test('lose neither a child nor a signature while their image stays, and take them along when it goes', async () => {
    await lab.start({ rules: [rule('**', 'v*', { newest: 1 })], untaggedMs: 30 * DAY_MS })
    await lab.berth.registry.retention.pulls.write()
    const [index, children] = [makeImageIndex([one, two]), [one, two]]
    for (const child of children) await lab.push([[child, child.manifest.digest]])
    await expectStatus(await lab.berth.client.putManifest('ci/app', 'v1', index.manifest), 201)
    const signatures = ['.sig', '.att'].map((suffix) => `sha256-${index.manifest.digest.slice(7)}${suffix}`)
    for (const [position, tag] of signatures.entries()) await lab.push([[makeImage(`signature ${position}`, { layers: 1 }), tag]])
    const report = makeImage('report', { subject: index.manifest, artifactType: 'application/vnd.test' })
    await lab.push([[report, report.manifest.digest]])
    await lab.passDays(50)
    await lab.push([[four, 'v2']])
    const attached = [...children, report].map(({ manifest }) => manifest.digest).concat(signatures)
    const all = [index.manifest.digest, ...attached]

    await lab.pass()
    const untagged = [await lab.status('v1'), ...(await lab.statuses(...all))]
    await lab.pass()
    await lab.passDays(31)
    const young = await lab.statuses(...all)
    await lab.pass()
    const rootGone = await lab.statuses(...all)
    await collectAll(lab.berth, 3)

    expect(untagged).toEqual([404, ...all.map(() => 200)])
    expect(young).toEqual(all.map(() => 200))
    expect(rootGone).toEqual([404, ...attached.map(() => 200)])
    expect(await lab.statuses(...all)).toEqual(all.map(() => 404))
    expect(await lab.status('v2')).toBe(200)
  })
})
