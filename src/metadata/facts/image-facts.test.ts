import { afterEach, beforeEach, expect, test } from 'bun:test'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import type { Query } from '../query.ts'
import { listUnread, listWaiting } from './image-facts.ts'

let folder: TemporaryFolder
let berth: BerthInProcess

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await BerthInProcess.start(folder.join('data'))
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

test.each([
  ['to be read', listUnread],
  ['that wait for their config', listWaiting],
])('of all manifests only those %s are looked at: the background asks every few seconds', async (_, list) => {
  const steps: string[] = []
  await list(explaining(steps), '', 50)

  expect(steps[0]).toMatch(/^SEARCH \w+ USING (COVERING )?INDEX image_facts_unread \(state=\? AND digest>\?\)$/)
})

/** In place of rows it notes the steps of each plan. */
function explaining(steps: string[]): Query {
  const { read } = berth.opened.metadata
  return {
    ...read,
    all: async (sql, ...values) => {
      const plan = await read.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, ...values)
      steps.push(...plan.map(({ detail }) => detail))
      return []
    },
  }
}
