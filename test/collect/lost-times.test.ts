import { expect, test } from 'bun:test'
import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import type { RetentionPolicy } from '../../src/registry/retention/retention-policy.ts'
import { DAY_MS } from '../support/collecting.ts'
import { type Image, makeImage } from '../support/images.ts'
import { expectStatus } from '../support/registry-client.ts'
import { RetentionLab } from '../support/retention-lab.ts'
import { ruleOf as rule } from '../support/retention-rule.ts'
import { loseDatabase } from '../support/test-root.ts'

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

test.each(Object.entries(POLICIES))(
  'what a rule by %s keeps, it keeps also where the database was lost, whenever that was',
  async (_, [policy, goes]) => {
    expect(await goesAfter(policy, undefined)).toEqual(goes)
    for (let lost = 0; lost < STORY.length; lost += 1) {
      const gone = await goesAfter(policy, lost)
      expect([lost, gone.filter((name) => !goes.includes(name))]).toEqual([lost, []])
    }
  },
)

test('a rule by the time or the order of pushes takes the same where the database was lost', async () => {
  for (const name of ['the time of a push', 'the newest pushes']) {
    const [policy, goes] = POLICIES[name] ?? []
    expect(await goesAfter(policy ?? {}, STORY.length - 1)).toEqual(goes ?? [])
  }
})

/** What would go at the end of the story. `lost`: after that many of its parts. */
async function goesAfter(policy: Partial<RetentionPolicy>, lost: number | undefined): Promise<readonly string[]> {
  await using lab = new RetentionLab()
  const dry = { ...policy, dryRun: true }
  await lab.start(dry)
  let [today, began] = [0, 0]
  for (const [part, [day, happen]] of STORY.entries()) {
    await lab.passDays(day - today)
    today = day
    const before = timesOfFiles(lab)
    await happen(lab)
    // What was written now has the time of the machine, for which no day has passed.
    for (const [path, ms] of timesOfFiles(lab)) if (before.get(path) !== ms) setTime(path, ms + (today - began) * DAY_MS)
    if (part !== lost) continue
    await lab.berth.stop()
    loseDatabase(lab.folder.join('data'))
    // The clock of the new database is that of the machine.
    for (const [path, ms] of timesOfFiles(lab)) setTime(path, ms - (today - began) * DAY_MS)
    began = today
    await lab.start(dry)
  }
  const decided = Object.entries(await lab.decided())
  return decided.flatMap(([name, outcome]) => (outcome.startsWith('goes: ') ? [name] : [])).toSorted()
}

function timesOfFiles(lab: RetentionLab): ReadonlyMap<string, number> {
  const root = lab.folder.join('data/docker')
  const names = existsSync(root) ? readdirSync(root, { recursive: true }) : []
  return new Map(names.map((name) => join(root, String(name))).map((path) => [path, statSync(path).mtimeMs]))
}

function setTime(path: string, ms: number): void {
  utimesSync(path, ms / 1000, ms / 1000)
}
