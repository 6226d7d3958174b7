import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { indexOf } from '../../../test/collect/rows/row.ts'
import { collectAll, DAY_MS } from '../../../test/support/collecting.ts'
import { descriptorOf, type Image, makeImage, makeImageIndex } from '../../../test/support/images.ts'
import { expectStatus } from '../../../test/support/registry-client.ts'
import { RetentionLab } from '../../../test/support/retention-lab.ts'
import { ruleOf } from '../../../test/support/retention-rule.ts'
import { parseDigest } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { STALE_AFTER_MS } from '../keeping/running.ts'

setDefaultTimeout(120_000)

const [one, two, three, four] = ['one', 'two', 'three', 'four'].map((name) => makeImage(name, { layers: 1 })) as [
  Image,
  Image,
  Image,
  Image,
]
const index = makeImageIndex([three, four])
const nested = { manifest: indexOf([descriptorOf(index.manifest)]) }
const RULE = ruleOf('ci/**', 'pr-*', { pushedMs: DAY_MS, running: true })

let lab: RetentionLab

beforeEach(async () => {
  lab = new RetentionLab()
  await lab.start({ rules: [RULE], untaggedMs: 2 * DAY_MS })
  await lab.berth.registry.retention.pulls.write()
})
afterEach(() => lab[Symbol.asyncDispose]())

/** `where`: in which repository the host has it. */
async function reports(host: string, images: readonly { readonly digest: string }[], where = 'ci/app'): Promise<void> {
  const containers = images.map(({ digest }, number) => {
    return { container: `c${number}`, repository: parseRepositoryName(where), digest: parseDigest(digest), state: 'exited' }
  })
  await lab.berth.registry.deployments.report({ host, reportedBy: 'agent', containers })
}

/** The host has not reported for longer than an agent may be silent. */
async function fallsSilent(host: string, byMs = STALE_AFTER_MS + 1): Promise<void> {
  await lab.berth.opened.metadata.write((query) =>
    query.run('UPDATE deployment_host SET seen_ms = seen_ms - ? WHERE host = ?', byMs, host),
  )
}

async function pushTags(): Promise<void> {
  await lab.push([
    [one, 'pr-1'],
    [two, 'pr-2'],
    [one, 'stable'],
    [three, three.manifest.digest],
    [four, four.manifest.digest],
  ])
  await expectStatus(await lab.berth.client.putManifest('ci/app', 'pr-3', index.manifest), 201)
}

test('a tag stays while its image runs, or an image of its index, wherever the host has it from', async () => {
  await pushTags()
  await reports('web-1', [two.manifest], 'other/name')
  await reports('web-2', [four.manifest])
  await lab.passDays(2)

  const decided = await lab.decided()
  await lab.run()

  expect(decided).toMatchObject({
    'ci/app:pr-1': 'goes: rule 1 names it, and none of its lines keeps it',
    'ci/app:pr-2': 'stays: it runs on web-1',
    'ci/app:pr-3': 'stays: it runs on web-2',
  })
  expect(await lab.statuses('pr-1', 'pr-2', 'pr-3')).toEqual([404, 200, 200])
  await reports('web-1', [])
  await lab.pass()
  expect(await lab.statuses('pr-2', 'pr-3')).toEqual([404, 200])
})

test('nothing goes while no agent has reported, while a host is silent, and while a report is of the future', async () => {
  await pushTags()
  await lab.passDays(2)
  const because = async () => (await lab.decided())['ci/app:pr-1']

  const never = await because()
  await reports('web-1', [])
  await reports('web-2', [])
  await fallsSilent('web-2')
  const silent = await because()
  await lab.run()
  const kept = await lab.statuses('pr-1', 'pr-2', 'pr-3')
  await reports('web-2', [])
  await fallsSilent('web-2', -2 * STALE_AFTER_MS)
  const future = await because()
  await lab.berth.registry.deployments.forget('web-2')

  expect(never).toBe('stays: it is not known what runs, because no agent has reported')
  expect(silent).toContain('stays: it is not known what runs on web-2, which last reported ')
  expect(future).toContain('stays: it is not known what runs on web-2')
  expect(kept).toEqual([200, 200, 200])
  expect(await because()).toStartWith('goes: ')
})

test('after the loss of the database a host that was away since still keeps everything', async () => {
  await pushTags()
  for (const host of ['web-1', 'web-2']) await reports(host, [two.manifest])
  await fallsSilent('web-2')

  await lab.loseDatabase()
  await lab.berth.registry.retention.pulls.write()
  await reports('web-1', [])
  await fallsSilent('web-2')
  await lab.passDays(2)

  expect(await lab.decided()).toMatchObject({
    'ci/app:pr-1': expect.stringContaining('stays: it is not known what runs on web-2, which last reported '),
    'ci/app:pr-2': 'stays: it runs on web-2',
  })
})

test('an image without a tag stays while it runs, with what belongs to it, also for the collector', async () => {
  await pushTags()
  await expectStatus(await lab.berth.client.putManifest('ci/app', 'latest', nested.manifest), 201)
  await lab.push([
    [one, 'latest'],
    [one, 'pr-2'],
    [one, 'pr-3'],
  ])
  const digests = [nested, index, four, two].map(({ manifest }) => manifest.digest)
  await reports('web-1', [four.manifest])
  await lab.pass()
  await lab.passDays(3)

  const decided = await lab.decided()
  await lab.run()
  await collectAll(lab.berth)

  expect(digests.map((digest) => decided[`ci/app@${digest}`])).toEqual([
    'stays: it runs on web-1',
    'stays: it is part of an image index, and goes with that',
    'stays: it is part of an image index, and goes with that',
    expect.stringContaining('goes: it has had no tag since '),
  ])
  expect(await lab.statuses(...digests)).toEqual([200, 200, 200, 404])
})

test('what a delete released stays while it runs, and goes when it runs no more', async () => {
  await pushTags()
  await reports('web-1', [four.manifest])
  await expectStatus(await lab.berth.client.deleteManifest('ci/app', index.manifest.digest), 202)

  await collectAll(lab.berth)
  const running = await lab.statuses(three.manifest.digest, four.manifest.digest)
  await reports('web-1', [])
  await collectAll(lab.berth)

  expect(running).toEqual([404, 200])
  expect(await lab.status(four.manifest.digest)).toBe(404)
})

test('what a delete released, and what has no tag, stay for the collector while a host is silent', async () => {
  await pushTags()
  await reports('web-1', [])
  await reports('web-2', [])
  await fallsSilent('web-2')
  await expectStatus(await lab.berth.client.deleteManifest('ci/app', index.manifest.digest), 202)

  await collectAll(lab.berth)
  const silent = await lab.statuses(three.manifest.digest, four.manifest.digest)
  await reports('web-2', [])
  await collectAll(lab.berth)

  expect(silent).toEqual([200, 200])
  expect(await lab.statuses(three.manifest.digest, four.manifest.digest)).toEqual([404, 404])
})
