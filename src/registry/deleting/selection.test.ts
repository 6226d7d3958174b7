import { afterEach, beforeEach, expect, test } from 'bun:test'
import { utimesSync } from 'node:fs'
import { DAY_MS, passTime } from '../../../test/support/collecting.ts'
import { type Image, makeImage } from '../../../test/support/images.ts'
import { RetentionLab } from '../../../test/support/retention-lab.ts'
import { ownWork } from '../../observe/actor.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'
import { RepositoryGlob } from '../../oci/repository-glob.ts'
import { TagGlob } from '../../oci/tag-glob.ts'
import { layout } from '../../storage/layout.ts'
import type { Selection } from './selection.ts'

const CI = parseRepositoryName('ci/app')
const signal = new AbortController().signal
const [one, two, three] = ['one', 'two', 'three'].map((name) => makeImage(name, { layers: 1 })) as [Image, Image, Image]

let lab: RetentionLab

beforeEach(async () => {
  lab = new RetentionLab()
  await lab.start({})
})
afterEach(() => lab[Symbol.asyncDispose]())

function olderThan(days: number): Selection {
  const [repositories, tags] = [RepositoryGlob.find('**'), TagGlob.find('pr-*')]
  if (repositories === undefined || tags === undefined) throw new Error('a pattern is none')
  return { kind: 'tags', repositories, tags, olderThanMs: days * DAY_MS }
}

async function previewed(selection: Selection) {
  const found: string[] = []
  const told = (each: { kind: string; tag?: string; reference?: string; because?: string }) => {
    found.push([each.kind, each.tag ?? each.reference, each.because].filter(Boolean).join(' '))
  }
  const preview = await lab.berth.registry.changes.deletions(signal).preview(selection, told, signal)
  return { ...preview, found }
}

test('of the tags that fit only those are deleted that are older, by their last push, also where others came of age since the preview', async () => {
  await lab.push([
    [one, 'pr-1'],
    [one, 'pr-2'],
    [two, 'pr-3'],
    [two, 'main'],
  ])
  await lab.passDays(8)
  await lab.push([
    [one, 'pr-2'],
    [three, 'pr-4'],
  ])
  await lab.passDays(6)
  await passTime(lab.berth, 60_000)

  const { found, leftUntagged, token, asOf, pushedBeforeMs } = await previewed(olderThan(14))
  await lab.passDays(9)
  const later = await previewed(olderThan(14))
  const deletion = { actor: ownWork('test'), isForced: false, asOf, pushedBeforeMs, signal, told: () => undefined }
  const deleted = await lab.berth.registry.changes.deletions(signal).delete(olderThan(14), deletion)

  expect({ found, leftUntagged }).toEqual({ found: ['tag pr-1', 'tag pr-3'], leftUntagged: 0 })
  expect(later.found).toEqual(['tag pr-1', 'tag pr-2', 'tag pr-3', 'tag pr-4'])
  expect(later.leftUntagged).toBe(2)
  expect(later.token).not.toBe(token)
  expect(deleted.tags).toBe(2)
  expect(await lab.statuses('pr-1', 'pr-2', 'pr-3', 'pr-4', 'main')).toEqual([404, 200, 404, 200, 200])
})

test('what the metadata does not know has the time of its link, and one that nothing tells stays', async () => {
  await lab.push([
    [one, 'pr-1'],
    [two, 'pr-2'],
    [three, 'pr-3'],
  ])
  const link = (tag: string) => lab.folder.join('data', layout.tag(CI, parseTag(tag)), 'current/link')
  const then = Date.now() / 1000 - 20 * (DAY_MS / 1000)
  utimesSync(link('pr-1'), then, then)
  utimesSync(link('pr-3'), 0, 0)
  await lab.loseDatabase()

  const { found } = await previewed(olderThan(14))

  expect(found).toEqual(['tag pr-1', 'stays pr-3 it is not known when it was pushed'])
})
