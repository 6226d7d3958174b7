import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, spyOn, test } from 'bun:test'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { isBusy, isCorrupt, SqliteMetadata } from './sqlite.ts'

let folder: TemporaryFolder
let path: string
let metadata: SqliteMetadata

beforeEach(() => {
  folder = new TemporaryFolder()
  path = folder.join('metadata.db')
  const database = new Database(path, { create: true, strict: true })
  database.run('PRAGMA journal_mode = WAL')
  database.run('CREATE TABLE counter (value INTEGER NOT NULL)')
  database.run('CREATE TABLE entry (name TEXT PRIMARY KEY)')
  database.run('INSERT INTO counter (value) VALUES (0)')
  database.close()
  metadata = new SqliteMetadata(path)
})
afterEach(async () => {
  await metadata.close()
  folder[Symbol.dispose]()
})

/** Reads, lets others run, writes: lost updates show. */
async function increment(): Promise<number> {
  return await metadata.write(async (query) => {
    const row = await query.get<{ value: number }>('SELECT value FROM counter')
    const next = (row?.value ?? 0) + 1
    await Promise.resolve()
    await query.run('UPDATE counter SET value = ?', next)
    return next
  })
}

async function insert(name: string): Promise<void> {
  await metadata.write((query) => query.run('INSERT INTO entry (name) VALUES (?)', name))
}

async function entries(): Promise<readonly string[]> {
  const rows = await metadata.read.all<{ name: string }>('SELECT name FROM entry ORDER BY name')
  return rows.map((row) => row.name)
}

/** A turn of the event loop after which every queued write has been tried. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

describe('a database that cannot grow', () => {
  test('refuses writes as unavailable, with the time to come back, and takes them once it can', async () => {
    await metadata.write((query) => query.get('PRAGMA max_page_count = 6'))
    const fill = () => insert('x'.repeat(20_000))

    const [failure, beside] = await Promise.all([fill().catch((error: unknown) => error), increment()])

    expect(failure).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('full'), retryAfterSeconds: 60 })
    expect(beside).toBe(1)
    expect(await entries()).toEqual([])
    await metadata.write((query) => query.get('PRAGMA max_page_count = 1000'))
    await fill()
    expect(await entries()).toHaveLength(1)
  })
})

describe('writes', () => {
  test('are visible to every reader once they have resolved, and not before', async () => {
    let seenInside: readonly string[] | undefined
    await metadata.write(async (query) => {
      await query.run('INSERT INTO entry (name) VALUES (?)', 'a')
      seenInside = await entries()
    })

    expect(seenInside).toEqual([])
    expect(await entries()).toEqual(['a'])
  })

  test('have a transaction to themselves: nothing of another request runs inside', async () => {
    const results = await Promise.all(Array.from({ length: 500 }, increment))

    expect(results).toEqual(Array.from({ length: 500 }, (_, index) => index + 1))
    expect(await metadata.read.get<{ value: number }>('SELECT value FROM counter')).toEqual({ value: 500 })
  })

  test('that fail undo what they did, and nothing of those beside them', async () => {
    const results = await Promise.allSettled([
      insert('a'),
      metadata.write(async (query) => {
        await query.run('INSERT INTO entry (name) VALUES (?)', 'undone')
        throw new Error('on purpose')
      }),
      insert('b'),
      insert('a'),
      insert('c'),
    ])

    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled'])
    expect(await entries()).toEqual(['a', 'b', 'c'])
    expect(results[1]).toMatchObject({ reason: new Error('on purpose') })
  })

  test('that wait together share a transaction', async () => {
    const watcher = new Database(path, { readonly: true })
    const version = () => watcher.query<{ data_version: number }, []>('PRAGMA data_version').get()?.data_version ?? 0
    const versions = new Set<number>()
    // No time passes: a transaction is shared for a few milliseconds only.
    const clock = spyOn(performance, 'now').mockReturnValue(0)

    await Promise.all(
      ['a', 'b', 'c'].map(async (name) => {
        await insert(name)
        versions.add(version())
      }),
    )

    clock.mockRestore()
    expect(versions.size).toBe(1)
    watcher.close()
  })

  test('that roll everything back, as SQLite does on a full disk, fail with all that shared their transaction', async () => {
    const results = await Promise.allSettled([
      insert('before'),
      metadata.write(async (query) => {
        await query.run('INSERT INTO entry (name) VALUES (?)', 'inside')
        await query.run('ROLLBACK')
        throw new Error('database or disk is full')
      }),
      insert('after'),
    ])

    // On a slow machine the first may have had a transaction of its own: then it is there.
    const [before, failed, after] = results.map(({ status }) => status)
    const kept = before === 'fulfilled' ? ['after', 'before'] : ['after']
    expect([failed, after]).toEqual(['rejected', 'fulfilled'])
    expect(await entries()).toEqual(kept)
    await insert('later')
    expect(await entries()).toEqual([...kept, 'later'])
  })

  test('are finished before the database is closed', async () => {
    const written = insert('a')

    await metadata.close()
    await written

    metadata = new SqliteMetadata(path)
    expect(await entries()).toEqual(['a'])
  })
})

test('a closed database takes nothing more, also by statements that have run before, and gives nothing', async () => {
  await insert('before')
  expect(await entries()).toEqual(['before'])

  await metadata.close()

  await expect(insert('after')).rejects.toThrow('closed')
  await expect(entries()).rejects.toThrow('closed')
  metadata = new SqliteMetadata(path)
  expect(await entries()).toEqual(['before'])
})

describe('reads', () => {
  test('cannot write', async () => {
    await expect(metadata.read.run('INSERT INTO entry (name) VALUES (?)', 'a')).rejects.toThrow('readonly')
    expect(await entries()).toEqual([])
  })

  test('give undefined for no row, and every kind of value as it was bound', async () => {
    expect(await metadata.read.get('SELECT name FROM entry')).toBeUndefined()
    const values = ['text \u0000 ü', 2 ** 53 - 1, null, new Uint8Array([0, 255])] as const

    expect(await metadata.read.get('SELECT ? AS a, ? AS b, ? AS c, ? AS d', ...values)).toEqual({
      a: values[0],
      b: values[1],
      c: values[2],
      d: values[3],
    })
  })
})

describe('a database that another process is writing to', () => {
  let other: Database

  beforeEach(() => {
    other = new Database(path, { readwrite: true })
    other.run('BEGIN IMMEDIATE')
    other.run("INSERT INTO entry (name) VALUES ('theirs')")
  })
  afterEach(() => {
    other.close()
  })

  test('is waited for by writes, while reads and everything else go on', async () => {
    let isWritten = false
    const written = insert('ours').then(() => {
      isWritten = true
    })
    for (let count = 0; count < 5; count += 1) await turn()
    expect(isWritten).toBe(false)
    expect(await entries()).toEqual([])

    other.run('COMMIT')
    await written

    expect(await entries()).toEqual(['ours', 'theirs'])
  })

  test('for too long is told as UNAVAILABLE to all who wait, and later writes go on', async () => {
    const now = performance.now()
    const clock = spyOn(performance, 'now').mockImplementation(() => now)
    const waiting = Promise.allSettled([insert('a'), insert('b')])
    await turn()
    clock.mockImplementation(() => now + 11_000)

    const results = await waiting

    clock.mockRestore()
    const busy = expect.objectContaining({ code: 'UNAVAILABLE', retryAfterSeconds: 1 })
    expect(results).toEqual([
      { status: 'rejected', reason: busy },
      { status: 'rejected', reason: busy },
    ])
    other.run('ROLLBACK')
    await insert('c')
    expect(await entries()).toEqual(['c'])
  })

  test('is told from one that is damaged', () => {
    const third = new Database(path, { readwrite: true })
    expect(errorOf(() => third.run('BEGIN IMMEDIATE'))).toSatisfy(isBusy)
    third.close()

    expect(isBusy(new Error('database is locked'))).toBe(false)
    expect(isCorrupt(errorOf(() => other.run('SELECT nothing')))).toBe(false)
  })
})

test('a file that is no database is told as such', async () => {
  const garbage = await folder.file('garbage.db', 'this is not a database, whatever its name says'.repeat(100))

  expect(errorOf(() => new SqliteMetadata(garbage))).toSatisfy(isCorrupt)
})

function errorOf(task: () => unknown): unknown {
  try {
    task()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}
