import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { pushImage } from '../../../test/collect/rows/row.ts'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { type Image, makeImage } from '../../../test/support/images.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'
import { storagePath } from '../../storage/driver.ts'
import { berthLayout } from '../../storage/layout.ts'
import { MemoryDriver } from '../../storage/memory/memory.ts'
import { StorageFullError } from '../../storage/storage-errors.ts'
import { newRecordId } from './deleted-record.ts'
import { TagHistory } from './tag-history.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const app = parseRepositoryName('app')
const v1 = parseTag('v1')
const signal = new AbortController().signal
const [one, two] = ['one', 'two'].map((name) => makeImage(name, { layers: 1 })) as [Image, Image]

let folder: TemporaryFolder
let berth: BerthInProcess
let storage: MemoryDriver
let history: TagHistory
let unreadable: string[]

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await BerthInProcess.start(folder.join('data'))
  storage = new MemoryDriver()
  history = new TagHistory({ storage, metadata: berth.opened.metadata })
  unreadable = []
})
afterEach(async () => {
  await berth.stop()
  folder[Symbol.dispose]()
})

const today = () => storagePath(berthLayout.history, new Date().toISOString().slice(0, 10).replaceAll('-', ''))
const files = async () => await storage.list(today())
const onUnreadable = (path: string) => void unreadable.push(path)
const moves = async () => (await history.of(app, v1, { onUnreadable })).moves.map(({ digest }) => digest as string)
const waiting = async () => (await berth.opened.metadata.read.all('SELECT number FROM tag_move')).length
const tidy = async (afterMs = 0) => await history.tidy([Date.now() + afterMs, Date.now() + afterMs], signal)

async function place(day: string, name: string, text: string): Promise<void> {
  await storage.place([
    { directory: storagePath(berthLayout.history, day), files: [{ name, bytes: new TextEncoder().encode(text) }] },
  ])
}

async function moved(times: number): Promise<string[]> {
  const digests: string[] = []
  for (let time = 0; time < times; time += 1) {
    const image = time % 2 === 0 ? one : two
    await pushImage(berth.client, image, 'v1')
    digests.push(image.manifest.digest)
  }
  return digests
}

describe('moves of tags', () => {
  test('wait in the metadata until they are in the storage, and none is lost where the storage is full or fails', async () => {
    const digests = await moved(3)
    const placeFile = storage.place.bind(storage)
    storage.place = () => Promise.reject(new StorageFullError())
    await history.flush(signal)
    storage.place = () => Promise.reject(new Error('unplugged'))
    await expect(history.flush(signal)).rejects.toThrow('unplugged')
    expect(await waiting()).toBe(3)
    storage.place = placeFile

    await history.flush(signal)

    expect(await waiting()).toBe(0)
    expect(await moves()).toEqual(digests)
    expect(await files()).toHaveLength(1)
  })

  test('that a process wrote before it died are there once, though the next one writes them again', async () => {
    const digests = await moved(2)
    const rows = await berth.opened.metadata.read.all<Record<string, string | number>>('SELECT * FROM tag_move')
    await history.flush(signal)
    for (const row of rows)
      await berth.opened.metadata.write((query) =>
        query.run(
          'INSERT INTO tag_move (number, repository_id, tag, digest, before, at_ms, by, how) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
          ...['number', 'repository_id', 'tag', 'digest', 'before', 'at_ms', 'by', 'how'].map((name) => row[name] ?? null),
        ),
      )

    await history.flush(signal)

    expect(await files()).toHaveLength(2)
    expect(await moves()).toEqual(digests)
    await tidy()
    expect(await files()).toHaveLength(1)
    expect(await moves()).toEqual(digests)
  })

  test('of the newest days are read, and no more, where the caller bounds the bytes', async () => {
    const days = Array.from({ length: 20 }, (_, number) => `202601${String(number + 1).padStart(2, '0')}`)
    for (const day of days) {
      const at = `2026-01-${day.slice(6)}T00:00:00.000Z`
      const digest = one.manifest.digest
      await place(
        day,
        newRecordId(Date.parse(at)),
        `${JSON.stringify({ at, repository: 'app', tag: 'v1', digest, before: null, how: 'push' })}\n`,
      )
    }

    const some = await history.of(app, v1, { onUnreadable, mostBytes: 1 })
    const all = await history.of(app, v1, { onUnreadable, mostBytes: 1_000_000 })

    const newest = days.slice(-some.moves.length).map((day) => Number(day.slice(6)))
    expect(some.isWhole).toBe(false)
    expect(some.moves.length).toBeWithin(1, days.length)
    expect(some.moves.map(({ atMs }) => new Date(atMs).getUTCDate())).toEqual(newest)
    expect([all.isWhole, all.moves.length, unreadable]).toEqual([true, days.length, []])
  })

  test('of a day are put together, also after a process died between the new file and the end of the old ones', async () => {
    const digests: string[] = []
    for (let round = 0; round < 4; round += 1) {
      digests.push(...(await moved(2)))
      await history.flush(signal)
    }
    storage.remove = () => Promise.reject(new Error('killed'))
    await expect(tidy()).rejects.toThrow('killed')
    expect([(await files()).length, await moves()]).toEqual([5, digests])
    storage.remove = MemoryDriver.prototype.remove

    await tidy()

    expect([(await files()).length, await moves()]).toEqual([1, digests])
    const [only] = await files()
    await tidy()
    expect(await files()).toEqual([only ?? ''])
  })

  test('are all read while another process puts their files together', async () => {
    const digests: string[] = []
    for (let round = 0; round < 3; round += 1) {
      digests.push(...(await moved(2)))
      await history.flush(signal)
    }
    const other = new TagHistory({ storage, metadata: berth.opened.metadata })
    const read = storage.readSmall.bind(storage)
    storage.readSmall = async (...words) => {
      storage.readSmall = read
      await other.tidy([Date.now(), Date.now()], signal)
      return await read(...words)
    }

    const found = await moves()

    expect([(await files()).length, found]).toEqual([1, digests])
  })

  test('of a day that is over are looked at once, and no more by the same process', async () => {
    const day = new Date(Date.now() - 3 * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '')
    const name = () => newRecordId(Date.now())
    for (const text of ['one\n', 'two\n']) await place(day, name(), text)
    await tidy()
    const once = await storage.list(storagePath(berthLayout.history, day))
    await place(day, name(), 'three\n')
    await tidy()

    expect(once).toHaveLength(1)
    expect(await storage.list(storagePath(berthLayout.history, day))).toHaveLength(2)
  })

  test('go after 400 days, and what is none is told and stays', async () => {
    const digests = await moved(1)
    await history.flush(signal)
    await place('20200101', newRecordId(Date.parse('2020-01-01T00:00:00Z')), '{}\n')
    await place('notes', 'a.txt', 'mine')
    const day = new Date().toISOString().slice(0, 10).replaceAll('-', '')
    const line = '{"at":"now","repository":"app","tag":"v1","digest":"sha256:x"}'
    await place(day, newRecordId(Date.now()), `${line}\nnot JSON "app" "v1"\n\n{"repository":"app","tag":"v1"`)
    await place(day, 'README.txt', 'mine')

    await tidy()

    expect(await storage.list(berthLayout.history)).toEqual([day, 'notes'])
    expect(await moves()).toEqual(digests)
    expect(unreadable).toHaveLength(3)
    expect((await files()).toSorted()).toContain('README.txt')
    await tidy(399 * DAY_MS)
    expect(await storage.list(berthLayout.history)).toContain(day)
    await tidy(402 * DAY_MS)
    expect(await storage.list(berthLayout.history)).toEqual(['notes'])
  })
})
