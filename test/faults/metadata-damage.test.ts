import { describe, expect, test } from 'bun:test'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { processCounts } from '../support/effort.ts'
import { ExpectedRegistry } from '../support/expected-registry.ts'
import { Fleet } from '../support/fleet.ts'
import { makeImage } from '../support/images.ts'
import { poll } from '../support/processes.ts'
import type { RegistryClient } from '../support/registry-client.ts'
import { RegistryWriter } from '../support/registry-writer.ts'
import { exactly, expectedToShow, show, wrongIn, wrongLists } from '../support/shown.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000
const RESTARTED_MS = 90_000
const PAGE_BYTES = 4096
const IMAGES = 12

describe.each(processCounts('a damaged database'))('While %d processes run, a metadata database', (processes) => {
  test(
    'that is deleted is made anew, and everything is right again',
    async () => {
      using folder = new TemporaryFolder()
      await using fleet = new Fleet(folder, 1)
      const expected = await startWithImages(fleet)
      // They look for the file at different times of each second.
      for (let more = 1; more < processes; more += 1) await Bun.sleep(500).then(() => fleet.startAnother())

      await deleteDatabase(fleet)

      await expectRestartAndAll(fleet, expected)
    },
    TEST_MS,
  )

  test(
    'whose pages are damaged is set aside and made anew, and everything is right again',
    async () => {
      using folder = new TemporaryFolder()
      await using fleet = new Fleet(folder, processes)
      const expected = await startWithImages(fleet)
      await fleet.stop()
      await fleet.start()

      await damagePages(fleet)

      await expectAllSoon(fleet, expected)
    },
    TEST_MS,
  )
})

test(
  'A metadata database whose pages were damaged while nothing ran is set aside, and everything is right',
  async () => {
    using folder = new TemporaryFolder()
    await using fleet = new Fleet(folder, 1)
    const expected = await startWithImages(fleet)
    await fleet.stop()

    await damagePages(fleet)
    await fleet.start()

    await expectAllSoon(fleet, expected)
  },
  TEST_MS,
)

test(
  'A metadata database that was cut short while nothing ran is set aside, and everything is right',
  async () => {
    using folder = new TemporaryFolder()
    await using fleet = new Fleet(folder, 1)
    const expected = await startWithImages(fleet)
    await fleet.stop()

    const file = await open(databaseOf(fleet), 'r+')
    await file.truncate(10 * PAGE_BYTES)
    await file.close()
    await fleet.start()

    await expectAllSoon(fleet, expected)
  },
  TEST_MS,
)

async function startWithImages(fleet: Fleet): Promise<ExpectedRegistry> {
  const expected = new ExpectedRegistry()
  await fleet.start()
  for (let number = 0; number < IMAGES; number += 1) {
    const image = makeImage(`image ${number}`, { layers: 1 })
    const [client] = fleet.clients
    if (client === undefined) throw new Error('a process runs')
    await new RegistryWriter(client, expected).push(`app-${number % 3}`, image, 'latest', `tag-${number}`)
  }
  return expected
}

async function deleteDatabase(fleet: Fleet): Promise<void> {
  for (const suffix of ['', '-wal', '-shm']) await rm(databaseOf(fleet) + suffix, { force: true })
}

/** All but the first three pages, where the tables' names and the properties are. */
async function damagePages(fleet: Fleet): Promise<void> {
  const file = await open(databaseOf(fleet), 'r+')
  const { size } = await file.stat()
  for (let start = 3 * PAGE_BYTES; start < size; start += PAGE_BYTES) {
    await file.write(crypto.getRandomValues(new Uint8Array(PAGE_BYTES)), 0, PAGE_BYTES, start)
  }
  await file.close()
}

async function expectRestartAndAll(fleet: Fleet, expected: ExpectedRegistry): Promise<void> {
  await fleet.restarted(RESTARTED_MS)
  for (const client of fleet.clients) expect(await problemsOf(client, expected)).toEqual([])
}

/** A process that has met the damage may answer 5xx until it has started anew; it never answers anything that is not so. */
async function expectAllSoon(fleet: Fleet, expected: ExpectedRegistry): Promise<void> {
  const last = new Map<RegistryClient, readonly string[]>()
  await poll('right answers from everyone', RESTARTED_MS, async () => {
    let isRight = true
    for (const client of fleet.clients) {
      const problems = await problemsOf(client, expected).catch((error: unknown) => [String(error)])
      last.set(client, problems)
      isRight &&= problems.length === 0
    }
    return isRight ? true : undefined
  }).catch((cause: unknown) => {
    throw new Error([...last.values()].flat().slice(0, 10).join('\n'), { cause })
  })
}

async function problemsOf(client: RegistryClient, expected: ExpectedRegistry): Promise<readonly string[]> {
  const wanted = expectedToShow(expected)
  const shown = await show(client, wanted.keys())
  return [...wrongIn(shown, exactly(wanted)), ...(await wrongLists(client, shown))]
}

function databaseOf(fleet: Fleet): string {
  return join(fleet.dataDirectory, 'berth/metadata.db')
}
