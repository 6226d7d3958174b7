import { describe, expect, test } from 'bun:test'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ExpectedRegistry } from '../support/expected-registry.ts'
import { Fleet } from '../support/fleet.ts'
import { makeImage } from '../support/images.ts'
import { RegistryWriter } from '../support/registry-writer.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { exactly, expectedToShow, show, wrongIn, wrongLists } from '../support/shown.ts'
import { StoredLayout } from '../support/stored-layout.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const PROCESSES = 4
const RELAYS = Number(process.env.BERTH_TEST_RELAYS ?? 8)
const TEST_MS = 120_000

const image = makeImage('image', { layers: 1 })

describe(`${PROCESSES} processes that start at once`, () => {
  test(
    'on a new directory become one registry',
    async () => {
      using folder = new TemporaryFolder()
      await using fleet = new Fleet(folder, PROCESSES)
      const expected = new ExpectedRegistry()

      await fleet.start()
      const pushes = fleet.clients.map((client, number) =>
        new RegistryWriter(client, expected).push(`app-${number}`, image, 'latest'),
      )
      await Promise.all(pushes)

      await expectThroughAll(fleet, expected)
      // The history of tags is written a while after the first push.
      const records = await readdir(join(fleet.dataDirectory, 'berth/v1'))
      expect(records.filter((name) => name !== 'history')).toEqual(['store'])
    },
    TEST_MS,
  )

  test.each([
    ['as it was left', async () => undefined],
    ['without its database', async (path: string) => await rm(path)],
    ['with garbage for a database', async (path: string) => await writeFile(path, 'not a database'.repeat(1000))],
    ['with an empty database file', async (path: string) => await writeFile(path, '')],
  ] as const)(
    'on a directory %s after kill -9 show what was acknowledged',
    async (_, damage) => {
      using folder = new TemporaryFolder()
      await using fleet = new Fleet(folder, PROCESSES)
      const expected = new ExpectedRegistry()
      await fleet.start()
      await new RegistryWriter(fleet.anyClient(new SeededRandom(1)), expected).push('app', image, 'latest', 'other')
      const store = await readFile(join(fleet.dataDirectory, 'berth/v1/store'), 'utf8')
      await fleet.kill(PROCESSES, new SeededRandom(1))
      await damage(join(fleet.dataDirectory, 'berth/metadata.db'))

      await fleet.start()

      await expectThroughAll(fleet, expected)
      expect(await readFile(join(fleet.dataDirectory, 'berth/v1/store'), 'utf8')).toBe(store)
    },
    TEST_MS,
  )
})

test(
  'a process that starts while the only other one is killed, and so on, shows what all before it acknowledged',
  async () => {
    using folder = new TemporaryFolder()
    await using fleet = new Fleet(folder, 1)
    const random = new SeededRandom(seedFor('starts'))
    const expected = new ExpectedRegistry()
    await fleet.start()

    for (let relay = 0; relay < RELAYS; relay += 1) {
      await new RegistryWriter(fleet.anyClient(random), expected).push(`app-${relay}`, image, 'latest')
      const killed = Bun.sleep(random.below(400)).then(() => fleet.killOldest())
      await Promise.all([fleet.startAnother(), killed])
      await expectThroughAll(fleet, expected)
    }
  },
  TEST_MS,
)

async function expectThroughAll(fleet: Fleet, expected: ExpectedRegistry): Promise<void> {
  const wanted = expectedToShow(expected)
  for (const client of fleet.clients) {
    const shown = await show(client, wanted.keys())
    expect(wrongIn(shown, exactly(wanted))).toEqual([])
    expect(await wrongLists(client, shown)).toEqual([])
  }
  expect(new StoredLayout(fleet.dataDirectory).problems).toEqual([])
  expect(fleet.faults).toEqual([])
}
