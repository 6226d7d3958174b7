import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { pushImage } from '../../../test/collect/rows/row.ts'
import { BerthInProcess, type InProcessOptions } from '../../../test/support/berth-in-process.ts'
import { makeImage } from '../../../test/support/images.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { loseDatabase } from '../../../test/support/test-root.ts'
import { parseRepositoryName } from '../../oci/name.ts'

setDefaultTimeout(120_000)

const [APP, BELOW] = ['team/app', 'team/app/below'].map(parseRepositoryName) as [
  ReturnType<typeof parseRepositoryName>,
  ReturnType<typeof parseRepositoryName>,
]
const signal = new AbortController().signal
const ALL = { first: 0, count: 100 }

let folder: TemporaryFolder
let berth: BerthInProcess

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await BerthInProcess.start(folder.join('data'))
  for (const name of [APP, BELOW]) await pushImage(berth.client, makeImage(name), 'v1', name)
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function startAnew({ losesDatabase = false, ...options }: InProcessOptions & { losesDatabase?: boolean } = {}) {
  await berth.stop()
  if (losesDatabase) loseDatabase(folder.join('data'))
  berth = await BerthInProcess.start(folder.join('data'), options)
}

async function remarksOn(name: typeof APP, user?: string) {
  return await berth.registry.remarks.of(name, user)
}

async function found(query: string) {
  return (await berth.registry.search.find(query, ALL)).found.map(({ name, description, stars }) => [name, description, stars])
}

test('a user gives one star, whatever its name, and takes it back', async () => {
  const { remarks } = berth.registry
  for (const user of ['alice', 'alice', 'Alice', '../bob', 'ünïcode / name']) await remarks.star(APP, user)
  expect(await remarksOn(APP, 'alice')).toEqual({ description: null, stars: 4, isStarred: true })

  await remarks.unstar(APP, 'alice')
  await remarks.unstar(APP, 'carol')

  expect(await remarksOn(APP, 'alice')).toEqual({ description: null, stars: 3, isStarred: false })
  expect(await remarksOn(APP, '../bob')).toMatchObject({ isStarred: true })
  expect(await remarksOn(BELOW)).toMatchObject({ stars: 0 })
})

test('a description is found and shown in place of that of the image, until it is cleared', async () => {
  const { remarks } = berth.registry
  await found('app')

  expect(await remarks.describe(APP, ' Payment\n\u202eservice ', 'alice')).toBe('Payment service')
  expect(await found('payment')).toEqual([[APP, 'Payment service', 0]])
  expect(await remarks.describe(APP, 'Another', undefined)).toBe('Another')
  expect(await found('payment')).toEqual([])
  expect(await remarks.describe(APP, undefined, undefined)).toBeUndefined()

  expect(await found('another')).toEqual([])
  expect(await found('team/app')).toEqual([
    [APP, '', 0],
    [BELOW, '', 0],
  ])
})

test('both survive the loss of the database, of each repository its own', async () => {
  await berth.registry.remarks.describe(APP, 'Payment service', 'alice')
  await berth.registry.remarks.star(BELOW, 'alice')

  await startAnew({ losesDatabase: true })
  await berth.registry.remarks.run(signal)
  await berth.scan()

  expect(await found('team')).toEqual([
    [BELOW, '', 1],
    [APP, 'Payment service', 0],
  ])
  expect(await remarksOn(BELOW, 'alice')).toMatchObject({ isStarred: true })
})

test('what another program has changed in the storage counts from the next epoch on', async () => {
  const { remarks } = berth.registry
  for (const user of ['alice', 'bob']) await remarks.star(APP, user)
  await remarks.describe(APP, 'Before', undefined)
  await remarks.describe(BELOW, 'Gone', undefined)
  await remarks.run(signal)
  const directory = folder.join('data/berth/v1/remarks/team/app')
  const [star] = readdirSync(`${directory}/_stars`)
  rmSync(`${directory}/_stars/${star}`)
  rmSync(`${directory}/below/_description`)
  writeFileSync(`${directory}/_description`, '{"text":"After"}')
  writeFileSync(`${directory}/notes.txt`, 'no remark')

  await berth.registry.remarks.run(signal)
  expect(await remarksOn(APP)).toMatchObject({ description: 'Before', stars: 2 })
  await startAnew()
  await berth.registry.remarks.run(signal)

  expect(await remarksOn(APP)).toMatchObject({ description: 'After', stars: 1 })
  expect(await remarksOn(BELOW)).toMatchObject({ description: null })
})

test.each(['', '{', '[]', 'null', '{"text":1}', '{"text":""}', `{"text":"${'x'.repeat(20_000)}"}`])(
  'a record that is none (%p) describes nothing',
  async (text) => {
    await berth.registry.remarks.describe(APP, 'Before', undefined)
    writeFileSync(folder.join('data/berth/v1/remarks/team/app/_description'), text)

    await berth.registry.remarks.run(signal)

    expect(await remarksOn(APP)).toMatchObject({ description: null })
  },
)

test('a description that could not be written is none, and a star that was written before the process died is found', async () => {
  let isBroken = false
  await startAnew({ hook: (call) => (isBroken && call.includes('remarks') ? Promise.reject(new Error('EIO')) : undefined) })
  isBroken = true
  await expect(berth.registry.remarks.describe(APP, 'Lost', undefined)).rejects.toThrow('EIO')
  isBroken = false
  expect(await remarksOn(APP)).toMatchObject({ description: null })

  await berth.registry.remarks.star(APP, 'alice')
  await berth.opened.metadata.write((query) => query.run('DELETE FROM star'))
  await startAnew()
  await berth.registry.remarks.run(signal)

  expect(await remarksOn(APP, 'alice')).toMatchObject({ stars: 1, isStarred: true })
})

test('a row that is written late says what the storage says by then', async () => {
  await using second = await BerthInProcess.start(folder.join('data'))
  const late = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  let isHeld = true
  await startAnew({
    metadata: (metadata) => ({
      read: metadata.read,
      revision: () => metadata.revision(),
      write: async (operation) => {
        if (isHeld) {
          begun.resolve()
          await late.promise
        }
        return await metadata.write(operation)
      },
    }),
  })

  const first = berth.registry.remarks.describe(APP, 'first', undefined)
  await begun.promise
  await second.registry.remarks.describe(APP, 'second', undefined)
  isHeld = false
  late.resolve()
  await first

  expect(await remarksOn(APP)).toMatchObject({ description: 'second' })
})

test('of two that describe at the same time the storage and the rows end with the same', async () => {
  await using second = await BerthInProcess.start(folder.join('data'))
  const texts = Array.from({ length: 12 }, (_, number) => `text ${number}`)

  await Promise.all(
    texts.map(async (text, number) => await (number % 2 === 0 ? berth : second).registry.remarks.describe(APP, text, undefined)),
  )
  const { description } = await remarksOn(APP)

  expect(texts).toContain(description ?? '')
  const file = Bun.file(folder.join('data/berth/v1/remarks/team/app/_description'))
  expect(((await file.json()) as { text: string }).text).toBe(description ?? '')
  expect(existsSync(folder.join('data/docker/registry/v2/repositories/team/app/_description'))).toBe(false)
})
