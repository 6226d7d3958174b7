import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { appendFileSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { collectAll, DAY_MS } from '../../../test/support/collecting.ts'
import { type Image, makeImage, makeImageIndex } from '../../../test/support/images.ts'
import { expectStatus } from '../../../test/support/registry-client.ts'
import { RetentionLab } from '../../../test/support/retention-lab.ts'
import { ruleOf as rule } from '../../../test/support/retention-rule.ts'
import { parseDigest } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'
import { storagePath } from '../../storage/driver.ts'
import { berthLayout, indexLinkFile, layout } from '../../storage/layout.ts'

const CI = parseRepositoryName('ci/app')
const TAG = layout.tag(CI, parseTag('latest'))
const signal = new AbortController().signal
const [one, two, three, four, five] = ['one', 'two', 'three', 'four', 'five'].map((name) => makeImage(name, { layers: 1 })) as [
  Image,
  Image,
  Image,
  Image,
  Image,
]
const KEPT = 'stays: it is among the last 2 images of the tag latest'
const UNKNOWN = 'stays: it is not known which images the tag latest led to'

let lab: RetentionLab

beforeEach(async () => {
  lab = new RetentionLab()
  await lab.start({ rules: [rule('ci/**', 'latest', { moves: 2 })], untaggedMs: 30 * DAY_MS })
  await lab.berth.registry.retention.pulls.write()
})
afterEach(() => lab[Symbol.asyncDispose]())

const digestOf = ({ manifest }: Image) => manifest.digest
const latest = async (...images: readonly Image[]) => await lab.push(images.map((image) => [image, 'latest'] as const))
const flush = async () => await lab.berth.registry.history.flush(signal)
const loseIndex = () => rmSync(lab.folder.join('data', TAG, 'index'), { recursive: true })

/** What becomes of some images; undefined: a tag leads to it. */
async function decided(...images: readonly Image[]): Promise<readonly (string | undefined)[]> {
  const found = await lab.decided()
  return images.map((image) => found[`ci/app@${digestOf(image)}`])
}

/** The rules pass when everything without a tag has been so for long enough. */
async function passLater(): Promise<void> {
  await lab.pass()
  await lab.passDays(31)
  await lab.pass()
}

describe('the last images of a tag', () => {
  test('stay as long as they are that, and the others go when they have been without a tag for long enough', async () => {
    await latest(one, two, three)
    await passLater()

    const before = [await lab.statuses(...[one, two, three].map(digestOf)), await decided(two, three)]
    await latest(four)
    await passLater()

    expect(before).toEqual([
      [404, 200, 200],
      [KEPT, undefined],
    ])
    expect(await lab.statuses(...[two, three, four].map(digestOf))).toEqual([404, 200, 200])
  })

  test('keep their children, referrers and attached tags, and take them along when they go', async () => {
    const index = makeImageIndex([one, two])
    const report = makeImage('report', { subject: index.manifest, artifactType: 'application/vnd.test' })
    const signature = `sha256-${index.manifest.digest.slice(7)}.sig`
    for (const child of [one, two]) await lab.push([[child, digestOf(child)]])
    await expectStatus(await lab.berth.client.putManifest('ci/app', 'latest', index.manifest), 201)
    await lab.push([
      [report, digestOf(report)],
      [makeImage('signature', { layers: 1 }), signature],
    ])
    const all = [index.manifest.digest, ...[one, two, report].map(digestOf), signature]
    await latest(three)

    await passLater()
    await collectAll(lab.berth, 3)
    const kept = await lab.statuses(...all)
    await latest(four)
    await passLater()
    await collectAll(lab.berth, 3)

    expect(kept).toEqual(all.map(() => 200))
    expect(await lab.statuses(...all)).toEqual(all.map(() => 404))
  })

  test('are known after the database is lost, with or without what registry:2 keeps, and from that alone', async () => {
    await latest(one, two, three)
    await flush()
    await lab.loseDatabase()
    const both = await decided(one, two)
    loseIndex()
    const byRecords = await decided(one, two)

    expect([both, byRecords]).toEqual(Array(2).fill(['stays: it is not known since when it has no tag', KEPT]))
  })

  test('are those before the tag was deleted as well', async () => {
    await latest(one, two)
    await expectStatus(await lab.berth.client.deleteManifest('ci/app', 'latest'), 202)
    await latest(three)

    expect(await decided(one, two)).toEqual(['stays: it is not known since when it has no tag', KEPT])
  })

  test('are images that are there: one that was deleted counts no more', async () => {
    await latest(one, two, three)
    const before = await decided(one)
    await expectStatus(await lab.berth.client.deleteManifest('ci/app', digestOf(two)), 202)

    expect([...before, ...(await decided(one))]).toEqual(['stays: it is not known since when it has no tag', KEPT])
  })

  test('are told by the index alone where there are no records, by its times', async () => {
    await latest(one, two, three)
    await lab.berth.opened.metadata.write((query) => query.run('DELETE FROM tag_move'))
    const together = await decided(one, two)
    for (const [place, image] of [two, one, three].entries()) {
      const path = lab.folder.join('data', TAG, indexLinkFile(parseDigest(digestOf(image))))
      utimesSync(path, 1_700_000_000 + 60 * place, 1_700_000_000 + 60 * place)
    }

    expect(together).toEqual([KEPT, KEPT])
    expect(await decided(one, two)).toEqual([KEPT, 'stays: it is not known since when it has no tag'])
  })

  test('are not known where nothing tells how the tag came to where it is: then all images without a tag stay', async () => {
    await latest(one, two, three)
    await lab.berth.opened.metadata.write((query) => query.run('DELETE FROM tag_move'))
    loseIndex()

    const reasons = await decided(one, two)
    await passLater()

    expect(reasons).toEqual([UNKNOWN, UNKNOWN])
    expect(await lab.statuses(...[one, two, three].map(digestOf))).toEqual([200, 200, 200])
  })

  test('are told by the index where a file of the history is damaged, and the log says so', async () => {
    await latest(one, two, three)
    await flush()
    const history = lab.folder.join('data', berthLayout.history)
    const [file = ''] = readdirSync(history, { recursive: true, encoding: 'utf8' }).filter((path) => path.includes('/'))
    appendFileSync(`${history}/${file}`, '{"at":"\n')

    expect(await decided(one, two)).toEqual(['stays: it is not known since when it has no tag', KEPT])
    expect(lab.berth.log.lines).toContainEqual(
      expect.objectContaining({ level: 'warn', fields: { files: 1, first: [storagePath(berthLayout.history, file)] } }),
    )
  })

  test('are looked for once for many repositories, and are those of their own tag and repository', async () => {
    for (const repository of ['ci/app', 'ci/web', 'ci/docs', 'team/app'])
      await lab.push(
        [one, two].map((image) => [image, 'latest'] as const),
        repository,
      )
    await lab.push([[three, 'latest']], 'ci/web')
    await lab.push(
      [
        [one, 'other'],
        [four, 'other'],
      ],
      'ci/docs',
    )
    await flush()
    const { history } = lab.berth.registry
    let reads = 0
    const each = history.each.bind(history)
    history.each = async (...words) => {
      reads += 1
      await each(...words)
    }

    const found = await lab.decided()

    const unknown = 'stays: it is not known since when it has no tag'
    const expected = { 'ci/app': [KEPT, undefined], 'ci/web': [unknown, KEPT], 'ci/docs': [KEPT, undefined] }
    for (const [name, reasons] of Object.entries({ ...expected, 'team/app': [unknown, undefined] }))
      expect([name, ...[one, two].map((image) => found[`${name}@${digestOf(image)}`])]).toEqual([name, ...reasons])
    expect(reads).toBe(1)
  })
})

describe('a manifest that a delete released', () => {
  test('is not collected while it is among the last images of a tag', async () => {
    await latest(one)
    const index = makeImageIndex([one, two])
    await lab.push([[two, digestOf(two)]])
    await expectStatus(await lab.berth.client.putManifest('ci/app', index.manifest.digest, index.manifest), 201)
    await latest(three)
    await expectStatus(await lab.berth.client.deleteManifest('ci/app', index.manifest.digest), 202)

    await collectAll(lab.berth, 3)
    const before = await lab.statuses(digestOf(one), digestOf(two))
    await latest(four, five)
    await collectAll(lab.berth, 3)

    expect([before, await lab.status(digestOf(one))]).toEqual([[200, 404], 404])
  })
})
