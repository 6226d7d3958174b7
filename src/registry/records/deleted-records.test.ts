import { beforeEach, describe, expect, test } from 'bun:test'
import { RecordedLog } from '../../../test/support/recorded-log.ts'
import { parseDigest } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'
import { storagePath } from '../../storage/driver.ts'
import { berthLayout } from '../../storage/layout.ts'
import { MemoryDriver } from '../../storage/memory/memory.ts'
import { StorageFault, StorageFullError } from '../../storage/storage-errors.ts'
import { bytesOfRecord, type Deleting, findRecord, findRecordId, newRecordId, timeOf } from './deleted-record.ts'
import { DeletedRecords } from './deleted-records.ts'

const HOUR_MS = 60 * 60 * 1000
const DELETING: Deleting = {
  how: 'manifest delete',
  actor: { name: 'alice "\n', address: '192.0.2.1', requestId: 'r1' },
  repository: parseRepositoryName('team/app'),
  kind: 'manifest',
  digest: parseDigest(`sha256:${'a'.repeat(64)}`),
  tags: [parseTag('v1'), parseTag('latest')],
}
const signal = new AbortController().signal

let storage: MemoryDriver
let log: RecordedLog
let records: DeletedRecords
let unreadable: string[]

beforeEach(() => {
  storage = new MemoryDriver()
  log = new RecordedLog()
  records = new DeletedRecords({ storage, graceMs: HOUR_MS, log })
  unreadable = []
})

const all = async () => await Array.fromAsync(records.newestFirst(signal, (path) => unreadable.push(path)))

async function place(path: string, text: string | Uint8Array): Promise<void> {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  const [directory, name = ''] = [storagePath(berthLayout.deleted, ...path.split('/').slice(0, -1)), path.split('/').at(-1)]
  await storage.place([{ directory, files: [{ name, bytes }] }])
}

function at(time: string, tags = DELETING.tags): { readonly day: string; readonly id: string; readonly bytes: Uint8Array } {
  const atMs = Date.parse(time)
  const id = newRecordId(atMs)
  const bytes = bytesOfRecord({ ...DELETING, tags, id, atMs, untilMs: atMs + HOUR_MS })
  return { day: time.slice(0, 10).replaceAll('-', ''), id, bytes }
}

describe('records of deletions', () => {
  test('are read side by side, and a large one alone, in their order', async () => {
    const tags = Array.from({ length: 5_000 }, (_, index) => parseTag(`${'t'.repeat(90)}${index}`))
    for (const [second, count] of [1, 5_000, 2].entries()) {
      const { day, id, bytes } = at(`2026-11-28T12:00:0${second}.000Z`, tags.slice(0, count))
      await place(`${day}/${id}`, bytes)
    }
    const asked: number[] = []
    const read = storage.readSmall.bind(storage)
    storage.readSmall = (path, most) => {
      asked.push(most)
      return read(path, most)
    }

    expect((await all()).map(({ tags }) => tags.length)).toEqual([2, 5_000, 1])
    expect(asked.map((most) => most > 1024 * 1024)).toEqual([false, false, false, true])
    expect(unreadable).toEqual([])
  })

  test('say again what they were told, and until when, the newest first', async () => {
    const older = at('2026-11-28T23:59:59.999Z')
    await place(`${older.day}/${older.id}`, older.bytes)
    await records.write([DELETING])

    const [newest, other] = await all()

    expect(newest).toMatchObject(DELETING)
    expect((newest?.untilMs ?? 0) - (newest?.atMs ?? 0)).toBe(HOUR_MS)
    expect(other?.id as string).toBe(older.id)
    expect(await records.find(newest?.id ?? newRecordId(0))).toEqual(newest)
    expect(unreadable).toEqual([])
  })

  test('that are none are told, and the others are read', async () => {
    const { day, id, bytes } = at('2026-11-29T00:00:00.000Z')
    const text = new TextDecoder().decode(bytes)
    const broken = [
      ...['', 'null', '[]', '{"version":1}', text.slice(0, 50), text.replace('"version":1', '"version":2')],
      ...[text.replace('team/app', '../../etc'), text.replace('"latest"', '"../latest"'), text.replace('"latest"', '7')],
      text.replace('"manifest"', '"all"'),
    ]
    for (const each of broken) await place(`${day}/${newRecordId(Date.parse('2026-11-29T12:00:00Z'))}`, each)
    await place(`${day}/README.txt`, 'x')
    await place(`20200101/${newRecordId(Date.parse('2026-11-29T12:00:00Z'))}`, bytes)
    await place('not-a-day/x', 'x')
    await place(`${day}/${id}`, bytes)

    const found = await all()

    expect(found.map((record) => record.id as string)).toEqual([id])
    expect(unreadable).toHaveLength(broken.length + 2)
  })

  test('go by whole days, when the last grace of a day has ended by both clocks', async () => {
    for (const time of ['2026-11-27T00:00:00.000Z', '2026-11-28T12:00:00.000Z', '2026-11-29T00:00:00.000Z']) {
      const { day, id, bytes } = at(time)
      await place(`${day}/${id}`, bytes)
    }
    await place('not-a-day/x', 'x')
    const days = async () => await storage.list(berthLayout.deleted)
    const [before, after] = [Date.parse('2026-11-29T00:59:59.999Z'), Date.parse('2026-11-29T01:00:00.000Z')]

    await records.removeOld([after + 365 * 24 * HOUR_MS, before])
    const beforeEnd = await days()
    await records.removeOld([after, after])

    expect(beforeEnd).toEqual(['20261128', '20261129', 'not-a-day'])
    expect(await days()).toEqual(['20261129', 'not-a-day'])
  })

  test('are left out where the storage is full, and the log says so; any other failure is one of the deletion', async () => {
    const place = storage.place.bind(storage)
    storage.place = () => Promise.reject(new StorageFullError())
    await records.write([DELETING])
    const fault = new StorageFault({})
    storage.place = () => Promise.reject(fault)
    const failing = records.write([DELETING])

    await expect(failing).rejects.toBe(fault)
    storage.place = place
    expect(await all()).toEqual([])
    expect(log.lines.map(({ message }) => message)).toEqual(['the storage is full, and a deletion cannot be undone'])
  })
})

test('an id tells when it was made, and nothing else is one', () => {
  const atMs = Date.parse('2026-11-29T01:02:03.456Z')
  const id = newRecordId(atMs)

  expect(timeOf(id)).toBe(atMs)
  expect(findRecordId(id)).toBe(id)
  for (const text of ['', 'list', crypto.randomUUID(), id.toUpperCase(), `${id}/..`]) expect(findRecordId(text)).toBeUndefined()
  expect(findRecord(id, new TextEncoder().encode('{'))).toBeUndefined()
})
