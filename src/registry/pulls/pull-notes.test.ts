import { afterEach, beforeEach, expect, test } from 'bun:test'
import { DAY_MS } from '../../../test/support/collecting.ts'
import { type Image, makeImage } from '../../../test/support/images.ts'
import { RetentionLab } from '../../../test/support/retention-lab.ts'
import { ruleOf } from '../../../test/support/retention-rule.ts'
import { readClockMs, readPullsKnownSinceMs } from '../../metadata/keeping/times.ts'
import { ownWork } from '../../observe/actor.ts'
import { parseDigest } from '../../oci/digest.ts'
import { OCI_IMAGE_MANIFEST } from '../../oci/media-types.ts'
import { parseRepositoryName } from '../../oci/name.ts'
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
