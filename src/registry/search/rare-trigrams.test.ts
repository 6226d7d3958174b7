import { afterAll, beforeAll, expect, test } from 'bun:test'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { putEntry } from '../../metadata/search/entries.ts'
import { Rest } from '../rest.ts'
import { RareTrigrams } from './rare-trigrams.ts'
import { searchTermsOf } from './search-terms.ts'

const LIMITS = { few: 5, times: 4, kept: 3, keptMs: 3_600_000 }

let folder: TemporaryFolder
let berth: BerthInProcess

beforeAll(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await BerthInProcess.start(folder.join('data'))
  // All have `ser`, ten have `pay`, one of these has `one`.
  for (let id = 1; id <= 100; id += 1) await add(id, `ser${id <= 10 ? ' pay' : ''}${id === 1 ? ' one' : ''}`)
})
afterAll(async () => {
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function add(id: number, words: string): Promise<void> {
  await berth.opened.metadata.write(async (query) => {
    await query.run('INSERT INTO repository (id, name, scanned_epoch) VALUES (?, ?, 0)', id, `app-${id}`)
    await putEntry(query, { repositoryId: id, words, description: null, source: null, isAutomated: false })
  })
}

/** What is asked for, and how often the index was asked. */
async function among(query: string, rare: RareTrigrams, rest = new Rest()) {
  return await rare.among(searchTermsOf(query).trigrams, rest)
}

function counting() {
  const { read } = berth.opened.metadata
  let asked = 0
  const all: typeof read.all = async (...question) => {
    asked += 1
    return await read.all(...question)
  }
  return { rare: new RareTrigrams({ ...read, all }, LIMITS), asked: () => asked }
}

test('a sequence that many times as many entries have as the rarest one is not asked for', async () => {
  const { rare } = counting()

  expect(await among('pay ser', rare)).toEqual(['pay'])
  expect(await among('one pay ser', rare)).toEqual(['one'])
  expect(await among('ser', rare)).toEqual(['ser'])
  expect(await among('ser xyz', rare)).toEqual(['xyz'])
  expect(await among('', rare)).toEqual([])
})

test('few entries are few, however much rarer another one is', async () => {
  const rare = new RareTrigrams(berth.opened.metadata.read, { ...LIMITS, few: 10 })

  expect(await among('one pay ser', rare)).toEqual(['one', 'pay'])
})

test('a number is kept for a while, and no more numbers than there is room for', async () => {
  const { rare, asked } = counting()

  await among('one pay ser', rare)
  await among('ser pay one', rare)
  expect(asked()).toBe(3)
  await among('xyz', rare)
  await among('one', rare)
  expect(asked()).toBe(5)
  await among('ser', rare)
  expect(asked()).toBe(5)
})
