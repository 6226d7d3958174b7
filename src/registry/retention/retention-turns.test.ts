import { afterEach, expect, spyOn, test } from 'bun:test'
import { RetentionLab } from '../../../test/support/retention-lab.ts'
import { ruleOf } from '../../../test/support/retention-rule.ts'
import { SLICE } from '../../metadata/deleting/sets.ts'
import { AT_ONCE } from '../../retention/turns.ts'

const TAGS = 20 * AT_ONCE

const lab = new RetentionLab()
afterEach(() => lab[Symbol.asyncDispose]())

/** How many turns others have while the work goes on, in which each question whether it is time for one is answered with yes. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let [turns, nowMs, isOver] = [0, 0, false]
  const clock = spyOn(performance, 'now').mockImplementation(() => (nowMs += 10))
  const count = () => {
    turns += 1
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  try {
    await work()
  } finally {
    isOver = true
    clock.mockRestore()
  }
  return turns
}

test('a pass over a repository with many tags gives others a turn after some hundred, also where it decides and where it sums up', async () => {
  await lab.start({ dryRun: true, rules: [ruleOf('**', 'v*', { newest: 1 })] })
  await lab.passDays(1)
  await lab.berth.opened.metadata.write(async (query) => {
    const { epoch } = lab.berth.opened
    await query.run("INSERT INTO repository (id, name, scanned_epoch) VALUES (1, 'ci/app', ?)", epoch)
    await query.run(
      `INSERT INTO tag (repository_id, name, digest, held, number, epoch, pushed_ms)
       SELECT 1, 'v' || value, 'sha256:' || printf('%064d', value), 1, 1, ?, value FROM json_each(?)`,
      epoch,
      JSON.stringify(Array.from({ length: TAGS }, (_, number) => number)),
    )
  })

  const looking = await turnsDuring(() => lab.decided())
  const passing = await turnsDuring(() => lab.run())

  // The slices of tags, the lines of the rule, the decisions; and for a pass, what it comes to. A busy machine adds turns in which something is waited for.
  const least = TAGS / SLICE + 2 * (TAGS / AT_ONCE)
  expect(looking).toBeGreaterThanOrEqual(least)
  expect(passing).toBeGreaterThanOrEqual(least + TAGS / AT_ONCE)
  expect(lab.berth.log.lines.at(-1)?.fields).toMatchObject({ tags: TAGS - 1 })
})
