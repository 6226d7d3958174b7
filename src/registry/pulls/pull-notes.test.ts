import { afterEach, beforeEach, expect, test } from 'bun:test'
import { DAY_MS } from '../../../test/support/collecting.ts'
import { type Image, makeImage } from '../../../test/support/images.ts'
import { LongestTurn } from '../../../test/support/longest-turn.ts'
import { RetentionLab } from '../../../test/support/retention-lab.ts'
import { ruleOf } from '../../../test/support/retention-rule.ts'
import { readClockMs, readPullsKnownSinceMs } from '../../metadata/keeping/times.ts'
import type { Metadata } from '../../metadata/query.ts'
import { ownWork } from '../../observe/actor.ts'
import { parseDigest } from '../../oci/digest.ts'
import { OCI_IMAGE_MANIFEST } from '../../oci/media-types.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'
import { PullNotes } from './pull-notes.ts'

const APP = parseRepositoryName('ci/app')
const [one, two] = [makeImage('one'), makeImage('two')] as [Image, Image]

let lab: RetentionLab

beforeEach(() => {
  lab = new RetentionLab()
})
afterEach(() => lab[Symbol.asyncDispose]())

test('pulls beyond those that wait for their write are not known, which keeps: all are known from the write on', async () => {
  await lab.start({ rules: [ruleOf('**', 'pr-*', { pulledMs: 7 * DAY_MS })] })
  await lab.push([
    [one, 'pr-1'],
    [two, 'pr-2'],
    [two, 'release'],
  ])
  const { metadata } = lab.berth.opened
  const records = { restore: async () => undefined }
  const notes = new PullNotes({ metadata, records, ignoredPullers: [], waitingAtMost: 1 })
  const pull = ({ manifest }: Image) => {
    const digest = parseDigest(manifest.digest)
    notes.pulled({ repository: APP, reference: digest, digest, mediaType: OCI_IMAGE_MANIFEST }, ownWork('client'))
  }
  await notes.write()
  await lab.passDays(30)

  pull(one)
  pull(two)
  await notes.write()
  const knownSinceMs = await readPullsKnownSinceMs(metadata.read)
  const clockMs = await readClockMs(metadata.read)
  const decided = await lab.decided()
  await lab.passDays(6)
  pull(two)
  await notes.write()
  await lab.passDays(2)
  const later = await lab.decided()

  expect(knownSinceMs).toBe(clockMs)
  expect(decided['ci/app:pr-2']).toStartWith('stays: pulls are noted since')
  expect(later['ci/app:pr-1']).toStartWith('goes')
  expect(later['ci/app:pr-2']).toStartWith('stays: it was pulled')
})

test('what was pulled by many names is written a few of them at a time, each lot in a turn of its own', async () => {
  await lab.start({})
  await lab.push([[one, 'v1']])
  const { metadata } = lab.berth.opened
  const clock = new LongestTurn({ rowMs: 0.1 })
  const records = { restore: async () => undefined }
  const notes = new PullNotes({ metadata: clock.metadata(metadata), records, ignoredPullers: [] })
  await notes.write()
  const digest = parseDigest(one.manifest.digest)
  for (let number = 0; number < 320; number += 1) {
    const reference = parseTag(`v${number}`)
    notes.pulled({ repository: APP, reference, digest, mediaType: OCI_IMAGE_MANIFEST }, ownWork('client'))
  }
  let [turns, isDone] = [0, false]
  const turn = () => {
    if (isDone) return
    turns += 1
    setImmediate(turn)
  }

  setImmediate(turn)
  await clock.during(() => notes.write())
  isDone = true

  const [row] = await metadata.read.all("SELECT sum(count) AS count FROM pull_day WHERE reference = ''")
  expect(row).toEqual({ count: 320 })
  // Three statements about fifty pulls take 18 ms of this clock, about twelve of them 6.6, which is too long as well, and about six 4.8.
  const [first, ...others] = clock.transactionsMs.slice(1)
  expect(first).toBeCloseTo(6.6)
  expect(Math.max(...others)).toBeCloseTo(4.8)
  expect(turns).toBeGreaterThanOrEqual(others.length)
})

test('pulls that come while others are written are counted too, also by names that wait for their turn', async () => {
  await lab.start({})
  await lab.push([[one, 'v1']])
  const { metadata } = lab.berth.opened
  const digest = parseDigest(one.manifest.digest)
  const tags = Array.from({ length: 120 }, (_, number) => parseTag(`v${number}`))
  const pullAll = () => {
    for (const reference of tags)
      notes.pulled({ repository: APP, reference, digest, mediaType: OCI_IMAGE_MANIFEST }, ownWork('client'))
  }
  let isBusy = false
  const busy: Metadata = {
    read: metadata.read,
    revision: () => metadata.revision(),
    write: async (operation) => {
      if (isBusy) pullAll()
      return await metadata.write(operation)
    },
  }
  const notes: PullNotes = new PullNotes({ metadata: busy, records: { restore: async () => undefined }, ignoredPullers: [] })
  await notes.write()
  pullAll()

  isBusy = true
  await notes.write()
  isBusy = false
  await notes.write()

  const counts = await metadata.read.all<{ count: number }>(
    "SELECT sum(count) AS count FROM pull_day WHERE reference LIKE 'v%' GROUP BY reference",
  )
  expect(new Set(counts.map(({ count }) => count)).size).toBe(1)
  expect(counts).toHaveLength(120)
  const [{ count } = { count: 0 }] = counts
  expect(count).toBeGreaterThan(2)
})
