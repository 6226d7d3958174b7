import { expect, test } from 'bun:test'
import type { RetentionPolicy } from '../../src/registry/retention/retention-policy.ts'
import { DAY_MS } from '../support/collecting.ts'
import { DatedRoot } from '../support/dated-root.ts'
import { someOf } from '../support/effort.ts'
import { type Image, makeImage } from '../support/images.ts'
import { describeOnRoots } from '../support/on-roots.ts'
import { expectStatus } from '../support/registry-client.ts'
import { RetentionLab } from '../support/retention-lab.ts'
import { ruleOf as rule } from '../support/retention-rule.ts'
import { loseDatabase, type TestRoot } from '../support/test-root.ts'

const TEST_MS = 120_000
const images = ['one', 'two', 'three', 'four', 'five', 'six'].map((name) => makeImage(name, { layers: 1 }))
const [one, two, three, four, five, six] = images as [Image, Image, Image, Image, Image, Image]
const untagged = `ci/app@${four.manifest.digest}`

/** What happens on which day. A tag that is pushed again is as new as that, and so is what is pulled. */
const STORY: readonly (readonly [day: number, (lab: RetentionLab) => Promise<unknown>])[] = [
  [0, async (lab) => await lab.berth.registry.retention.pulls.write()],
  [
    0,
    async (lab) =>
      await lab.push([
        [one, 'pr-1'],
        [two, 'pr-2'],
        [three, 'pr-3'],
        [four, 'latest'],
      ]),
  ],
  [
    0,
    async (lab) =>
      await lab.push([
        [five, 'latest'],
        [six, 'main'],
      ]),
  ],
  [1, async (lab) => await lab.run()],
  [5, async (lab) => await expectStatus(await lab.berth.client.putManifest('ci/app', 'pr-2', two.manifest), 201)],
  [8, async (lab) => await expectStatus(await lab.berth.client.getManifest('ci/app', 'pr-3'), 200)],
  [8, async (lab) => await lab.berth.registry.retention.pulls.write()],
  [10, async (lab) => await lab.push([[five, 'main']])],
  [11, async (lab) => await lab.run()],
  [15, async () => undefined],
]

const POLICIES: Readonly<Record<string, readonly [policy: Partial<RetentionPolicy>, goes: readonly string[]]>> = {
  'the time of a push': [{ rules: [rule('**', 'pr-*', { pushedMs: 12 * DAY_MS })] }, ['ci/app:pr-1', 'ci/app:pr-3']],
  'the newest pushes': [{ rules: [rule('**', 'pr-*', { newest: 1 })] }, ['ci/app:pr-1', 'ci/app:pr-3']],
  'the time of a pull': [{ rules: [rule('**', 'pr-*', { pulledMs: 9 * DAY_MS })] }, ['ci/app:pr-1', 'ci/app:pr-2']],
  'the time without a tag': [{ rules: [], untaggedMs: 12 * DAY_MS }, [untagged]],
}

const BY_PUSH = ['the time of a push', 'the newest pushes']

describeOnRoots('what a rule keeps', (newRoot, kind) => {
  const policies = Object.entries(POLICIES)
  const places = STORY.map((_, part) => part)
  // Each part of the story costs a bucket the requests of its pushes.
  const isBucket = kind === 'bucket'
  const chosen = isBucket ? someOf('rules on a bucket', policies, 1) : policies
  const lostAfter = isBucket ? someOf('times at which a database is lost', places, 2) : places

  test.each(chosen)(
    'by %s, it keeps also where the database was lost, whenever that was',
    async (_, [policy, goes]) => {
      expect(await goesAfter(await newRoot('kept'), policy, undefined)).toEqual(goes)
      for (const lost of lostAfter) {
        const gone = await goesAfter(await newRoot(`lost-${lost}`), policy, lost)
        expect([lost, gone.filter((name) => !goes.includes(name))]).toEqual([lost, []])
      }
    },
    TEST_MS,
  )

  test.each(isBucket ? someOf('rules by the push on a bucket', BY_PUSH, 1) : BY_PUSH)(
    'and takes, by %s, it keeps and takes also where the database was lost',
    async (name) => {
      const [policy, goes] = POLICIES[name] ?? []
      expect(await goesAfter(await newRoot('lost'), policy ?? {}, STORY.length - 1)).toEqual(goes ?? [])
    },
    TEST_MS,
  )
})

/** What would go at the end of the story. `lost`: after that many of its parts. */
async function goesAfter(root: TestRoot, policy: Partial<RetentionPolicy>, lost: number | undefined): Promise<readonly string[]> {
  const dated = new DatedRoot(root)
  await using lab = new RetentionLab(root, dated.options)
  const dry = { ...policy, dryRun: true }
  await lab.start(dry)
  let today = 0
  for (const [part, [day, happen]] of STORY.entries()) {
    await lab.passDays(day - today)
    today = day
    await dated.on(day, async () => await happen(lab))
    if (part !== lost) continue
    await lab.berth.stop()
    loseDatabase(root)
    dated.databaseLost()
    await lab.start(dry)
  }
  const decided = Object.entries(await lab.decided())
  return decided.flatMap(([name, outcome]) => (outcome.startsWith('goes: ') ? [name] : [])).toSorted()
}
