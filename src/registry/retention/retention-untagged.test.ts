import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { DAY_MS } from '../../../test/support/collecting.ts'
import { type Image, makeImage } from '../../../test/support/images.ts'
import { RetentionLab } from '../../../test/support/retention-lab.ts'
import { listNotedUntagged } from '../../metadata/keeping/times.ts'

setDefaultTimeout(120_000)

const [one, two] = ['one', 'two'].map((name) => makeImage(name, { layers: 1 })) as [Image, Image]

let lab: RetentionLab

beforeEach(async () => {
  lab = new RetentionLab()
  await lab.start({ untaggedMs: 2 * DAY_MS })
  await lab.berth.registry.retention.pulls.write()
})
afterEach(() => lab[Symbol.asyncDispose]())

const noted = async () => await listNotedUntagged(lab.berth.opened.metadata.read, 1, '')

test('the time without a tag begins anew for an image that had one since, though no pass saw that: the rules waited, or were off', async () => {
  await lab.push([
    [one, 'v1'],
    [two, 'v1'],
  ])
  await lab.pass()
  await lab.push([[one, 'v1']])
  await lab.passDays(5)
  await lab.push([[two, 'v1']])

  await lab.pass()
  const atFirst = await lab.status(one.manifest.digest)
  await lab.passDays(2)
  await lab.pass()

  expect(atFirst).toBe(200)
  expect(await lab.status(one.manifest.digest)).toBe(404)
})

test('what has a tag, or is gone, is not noted any more as being without one', async () => {
  await lab.push([
    [one, one.manifest.digest],
    [two, two.manifest.digest],
  ])
  await lab.pass()
  const both = await noted()
  await lab.push([[one, 'v1']])
  await lab.berth.client.deleteManifest('ci/app', two.manifest.digest)

  await lab.pass()

  expect(both).toHaveLength(2)
  expect(await noted()).toEqual([])
})
