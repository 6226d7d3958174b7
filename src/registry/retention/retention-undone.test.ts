import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { collectAll, DAY_MS } from '../../../test/support/collecting.ts'
import { type Image, makeImage } from '../../../test/support/images.ts'
import { expectStatus } from '../../../test/support/registry-client.ts'
import { RetentionLab } from '../../../test/support/retention-lab.ts'
import { ruleOf as rule, tagSetOf } from '../../../test/support/retention-rule.ts'
import { ownWork } from '../../observe/actor.ts'
import { parseDigest } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'
import { TagsMoved } from '../content/manifest-restoration.ts'
import { type Undeletable, Undeletion } from '../deleting/undeletion.ts'
import type { DeletedRecord } from '../records/deleted-record.ts'

const CI = parseRepositoryName('ci/app')
const signal = new AbortController().signal
const [one, two] = ['one', 'two'].map((name) => makeImage(name, { layers: 1 })) as [Image, Image]

let lab: RetentionLab

beforeEach(() => {
  lab = new RetentionLab()
})
afterEach(() => lab[Symbol.asyncDispose]())

const tagOf = (tag: string): Undeletable => ({ kind: 'tag', repository: CI, tag: parseTag(tag) })
const manifestOf = ({ manifest }: Image): Undeletable => ({
  ...{ kind: 'manifest', repository: CI, digest: parseDigest(manifest.digest) },
})

const unexpected = (what: unknown) => expect.unreachable(String(what))

async function bringBack(what: Undeletable, tag?: string): Promise<void> {
  const { records, restoration } = lab.berth.registry
  const undeletion = new Undeletion({
    ...{ records, restoration, actor: ownWork('test'), signal },
    ...{ onRestored: () => undefined, onGone: unexpected, onUnreadable: unexpected },
  })
  await undeletion.bringBack(what, tag === undefined ? undefined : parseTag(tag))
}

async function records(): Promise<DeletedRecord[]> {
  return await Array.fromAsync(lab.berth.registry.records.newestFirst(signal, unexpected))
}

async function leadsTo(reference: string): Promise<string | null> {
  return (await lab.berth.client.headManifest(CI, reference)).headers.get('docker-content-digest')
}

describe('what a rule took', () => {
  test('leaves a record that names the rules, and a tag comes back by it', async () => {
    await lab.start({ rules: [rule('ci/**', 'pr-*', { newest: 1 })] })
    await lab.push([[one, 'pr-1']])
    await lab.passDays(1)
    await lab.push([[two, 'pr-2']])

    await lab.pass()
    const gone = await lab.status('pr-1')
    const [record] = await records()
    await bringBack(tagOf('pr-1'))

    expect(gone).toBe(404)
    expect(record).toMatchObject({ kind: 'tag', tags: ['pr-1'], digest: one.manifest.digest, actor: { name: 'retention' } })
    expect([await leadsTo('pr-1'), await leadsTo('pr-2')]).toEqual([one.manifest.digest, two.manifest.digest])
  })

  test('comes back also as a manifest without a tag, and the time without one begins anew', async () => {
    await lab.start({ untaggedMs: 30 * DAY_MS })
    await lab.berth.registry.retention.pulls.write()
    await lab.push([[one, 'latest']])
    await lab.push([[two, 'latest']])
    await lab.pass()
    await lab.passDays(30)

    await lab.pass()
    const gone = await lab.status(one.manifest.digest)
    const [record] = await records()
    await bringBack(manifestOf(one))
    await lab.pass()

    expect(gone).toBe(404)
    expect(record).toMatchObject({ kind: 'manifest', digest: one.manifest.digest, actor: { name: 'retention' } })
    expect(await lab.status(one.manifest.digest)).toBe(200)
  })
})

test('an immutable tag that leads elsewhere by now stays where it leads, whatever is brought back', async () => {
  await lab.start({})
  await lab.push([[one, 'v1']])
  await expectStatus(await lab.berth.client.deleteManifest(CI, 'v1'), 202)
  await lab.push([[two, 'v1']])
  await lab.berth.stop()
  await lab.start({ immutable: [tagSetOf('ci/**', 'v*')] })

  const byItsName = bringBack(tagOf('v1'))
  await expect(byItsName).rejects.toBeInstanceOf(TagsMoved)
  const underIt = bringBack(manifestOf(one), 'v1')
  await expect(underIt).rejects.toBeInstanceOf(TagsMoved)
  await bringBack(manifestOf(one), 'v2')

  expect([await leadsTo('v1'), await leadsTo('v2')]).toEqual([two.manifest.digest, one.manifest.digest])
})

test('a manifest that the collector takes once its hold is gone has a record, and none while it is held', async () => {
  await lab.start({})
  const report = makeImage('report', { subject: one.manifest, artifactType: 'application/vnd.test' })
  await lab.push([[one, 'v1']])
  await lab.push([[report, report.manifest.digest]])
  const { holds } = lab.berth.registry
  await holds.hold(CI, parseDigest(report.manifest.digest))
  await expectStatus(await lab.berth.client.deleteManifest(CI, one.manifest.digest), 202)

  await collectAll(lab.berth, 3)
  const held = (await records()).filter(({ digest }) => digest === report.manifest.digest)
  await holds.unhold(CI, parseDigest(report.manifest.digest))
  await collectAll(lab.berth, 1)
  const [record] = await records()
  await bringBack(manifestOf(report))

  expect(held).toEqual([])
  expect(record).toMatchObject({ digest: report.manifest.digest, actor: { name: 'collector' } })
  expect(await lab.status(report.manifest.digest)).toBe(200)
})
