import { expect, test } from 'bun:test'
import { countStatements, type StatementCounts } from '../../bench/counts/count-statements.ts'
import { notificationsTo } from '../support/notification-settings.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** What events cost where something listens: statements in the transactions that there are. Pulls pay nothing. */
const MORE: Readonly<Record<string, number>> = {
  'layer-push': 1,
  mount: 1,
  'manifest-push': 1,
  // Eight layers, a config and the manifest.
  'image-push': 10,
}

test('an event costs a push one statement in the transaction that confirms it, and a pull nothing', async () => {
  using folder = new TemporaryFolder({ inMemory: true })

  const without = await countStatements(folder.path)
  const counted = await countStatements(folder.path, { notifications: notificationsTo('http://127.0.0.1:1/') })

  const expected = [...without].map(([work, counts]) => [work, plus(counts, MORE[work] ?? 0)] as const)
  expect(Object.fromEntries(counted)).toEqual(Object.fromEntries(expected))
}, 120_000)

function plus(counts: StatementCounts, statements: number): StatementCounts {
  return { ...counts, statements: counts.statements + statements }
}
