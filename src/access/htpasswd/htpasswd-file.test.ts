import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { appendFile, mkdir, open, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises'
import { RecordedLog } from '../../../test/support/recorded-log.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { HtpasswdFile } from './htpasswd-file.ts'

const HASH = `$2y$05$${'a'.repeat(53)}`
const OTHER = `$2y$05$${'b'.repeat(53)}`

let folder: TemporaryFolder
beforeAll(() => {
  folder = new TemporaryFolder()
})
afterAll(() => folder[Symbol.dispose]())

let files = 0
async function opened(text: string) {
  files += 1
  const path = await folder.file(`htpasswd-${files}`, text)
  const log = new RecordedLog()
  return { path, log, file: await HtpasswdFile.open(path, log) }
}

/** The hash of a user, once it is the one that is waited for. */
async function hashBecomes(file: HtpasswdFile, user: string, hash: string | undefined): Promise<void> {
  const deadline = Date.now() + 10_000
  while ((await file.find(user))?.passwordHash !== hash) {
    if (Date.now() > deadline) throw new Error(`${user} did not become ${hash}`)
    await Bun.sleep(10)
  }
}

describe('an htpasswd file that changes', () => {
  test('is read again, whether it is written in place or replaced', async () => {
    const { path, file, log } = await opened(`alice:${HASH}\n`)
    expect(await file.find('alice')).toMatchObject({ passwordHash: HASH })

    await appendFile(path, `bob:${HASH}\n`)
    await hashBecomes(file, 'bob', HASH)
    await writeFile(`${path}.new`, `alice:${OTHER}\n`)
    await rename(`${path}.new`, path)
    await hashBecomes(file, 'alice', OTHER)

    expect(await file.find('bob')).toBeUndefined()
    expect(log.lines.filter(({ message }) => message === 'htpasswd read again').length).toBeGreaterThanOrEqual(2)
  })

  test('is read again when neither its size nor its time differ', async () => {
    const { path, file } = await opened(`alice:${HASH}\n`)
    const old = new Date('2020-01-01T00:00:00Z')
    await utimes(path, old, old)
    await hashBecomes(file, 'alice', HASH)

    await writeFile(path, `alice:${OTHER}\n`)
    await utimes(path, old, old)

    await hashBecomes(file, 'alice', OTHER)
  })

  test('is not taken for what it is while somebody writes it', async () => {
    const { path, file } = await opened(`alice:${HASH}\n`)
    await hashBecomes(file, 'alice', HASH)
    // Long enough for the next question to look at the file.
    await Bun.sleep(150)

    const handle = await open(path, 'w')
    const found = file.find('alice')
    await Bun.sleep(10)
    await handle.write(`alice:${OTHER}\n`)
    await handle.close()

    expect(await found).toMatchObject({ passwordHash: OTHER })
  })

  test('counts without the lines that cannot be read, and they are named', async () => {
    const { path, file, log } = await opened(`alice:${HASH}\n`)

    await writeFile(path, `nonsense\ncarol:{SHA}x\nbob:${HASH}\n`)

    await hashBecomes(file, 'bob', HASH)
    const lines = log.lines.filter(({ message }) => message === 'htpasswd line lets nobody in')
    expect(lines.map(({ fields }) => [fields.line, fields.user])).toEqual([
      [1, undefined],
      [2, 'carol'],
    ])
    expect(JSON.stringify(log.lines)).not.toContain('{SHA}')
  })

  test('lets nobody in and says so while it is gone, and everybody when it is back', async () => {
    const { path, file, log } = await opened(`alice:${HASH}\n`)

    await rename(path, `${path}.away`)
    await log.lineAfter(() => file.find('alice').catch(() => undefined), 'htpasswd cannot be read, nobody can log in')
    await expect(file.find('alice')).rejects.toMatchObject({ code: 'UNAVAILABLE', retryAfterSeconds: 1 })
    await rename(`${path}.away`, path)

    await log.lineAfter(() => file.find('alice').catch(() => undefined), 'htpasswd can be read again')
    expect(await file.find('alice')).toMatchObject({ passwordHash: HASH })
    expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
  })
})

describe('an htpasswd file that is missing at the start', () => {
  test('is made with one user, whose password is told once', async () => {
    const path = folder.join('made/deep/htpasswd')
    const logs = Array.from({ length: 4 }, () => new RecordedLog())

    const files = await Promise.all(logs.map((log) => HtpasswdFile.open(path, log)))

    const told = logs.flatMap(({ lines }) => lines.filter(({ level }) => level === 'warn'))
    expect(told).toHaveLength(1)
    const { user, password } = told[0]?.fields ?? {}
    expect({ message: told[0]?.message, user }).toEqual({
      message: 'htpasswd is missing, provisioning with default user',
      user: 'docker',
    })
    const hash = (await readFile(path, 'utf8')).trim().split(':')[1] ?? ''
    expect(hash).toStartWith('$2y$10$')
    expect(await Bun.password.verify(String(password), hash)).toBe(true)
    for (const file of files) expect(await file.find('docker')).toMatchObject({ passwordHash: hash })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(folder.join('made/deep'))).mode & 0o777).toBe(0o700)
    expect(await Array.fromAsync(new Bun.Glob('*').scan({ cwd: folder.join('made/deep'), dot: true }))).toEqual(['htpasswd'])
  }, 120_000)

  test('is left alone when it is there and empty', async () => {
    const { path, file, log } = await opened('')

    expect(await file.find('docker')).toBeUndefined()
    expect(await readFile(path, 'utf8')).toBe('')
    expect(log.lines).toEqual([])
  })
})

describe('the start is refused with a sentence', () => {
  test('for a line that is none', async () => {
    await expect(opened(`alice:${HASH}\n\nnonsense\n`)).rejects.toThrow(
      /^Line 3 of the htpasswd file .* is not a name and a hash/,
    )
  })

  test('for a folder in its place, and for a place where it cannot be made', async () => {
    await mkdir(folder.join('a-folder'))
    const inFile = `${await folder.file('a-file', '')}/htpasswd`

    for (const path of [folder.join('a-folder'), inFile]) {
      await expect(HtpasswdFile.open(path, new RecordedLog())).rejects.toThrow(
        'The htpasswd file of auth.htpasswd.path cannot be used',
      )
    }
  })
})
