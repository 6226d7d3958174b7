import { describe, expect, test } from 'bun:test'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describeWith } from '../../test/support/requirements.ts'
import { TemporaryFolder } from '../../test/support/temporary-folder.ts'
import { createFile, replaceFile } from './whole-file.ts'

describe('a file that is written whole', () => {
  test('takes the place of the one that is there, with its own mode, and leaves no draft', async () => {
    using folder = new TemporaryFolder()
    const path = await folder.file('users', 'old')

    await replaceFile({ path, text: 'new', mode: 0o640 })

    expect(await readFile(path, 'utf8')).toBe('new')
    expect((await stat(path)).mode & 0o777).toBe(0o640)
    expect(await readdir(folder.path)).toEqual(['users'])
  })

  test('leaves nothing where it cannot have its name', async () => {
    using folder = new TemporaryFolder()
    const path = await folder.directory('users')
    await mkdir(join(path, 'taken'))

    await expect(replaceFile({ path, text: 'new' })).rejects.toThrow()
    await expect(replaceFile({ path: folder.join('none', 'users'), text: 'new' })).rejects.toThrow('ENOENT')

    expect(await readdir(folder.path)).toEqual(['users'])
  })

  test('is made once by several who make it, and stays as the first one made it', async () => {
    using folder = new TemporaryFolder()
    const path = folder.join('id')

    const made = await Promise.all(['a', 'b', 'c'].map((text) => createFile({ path, text })))
    const text = await readFile(path, 'utf8')

    expect(made.filter((isMade) => isMade)).toHaveLength(1)
    expect(text).toBe(['a', 'b', 'c'][made.indexOf(true)] ?? '')
    expect(await createFile({ path, text: 'd' })).toBe(false)
    expect(await readFile(path, 'utf8')).toBe(text)
    expect(await readdir(folder.path)).toEqual(['id'])
  })
})

describeWith({ programs: ['strace'] }, 'a file that is written whole, seen by strace', () => {
  test.each([
    ['replaceFile', /rename\w*\(.*users/],
    ['createFile', /linkat\(|link\(/],
  ])('%s: its bytes are durable before its name, and its name when it is done', async (call, naming) => {
    using folder = new TemporaryFolder()
    const script = await folder.file(
      'script.ts',
      `import { ${call} } from '${join(import.meta.dir, 'whole-file.ts')}'\nawait ${call}({ path: process.argv[2] ?? '', text: 'new' })`,
    )
    await mkdir(folder.join('in'))
    const trace = folder.join('trace')

    const calls = ['-f', '-y', '-e', 'trace=fsync,rename,renameat,renameat2,link,linkat', '-o', trace]
    const program = Bun.spawn(['strace', ...calls, process.execPath, script, folder.join('in', 'users')])
    expect(await program.exited).toBe(0)

    const steps = (await readFile(trace, 'utf8')).split('\n').flatMap((line) => {
      if (/fsync\(.*in\/users/.test(line)) return ['bytes']
      if (naming.test(line)) return ['name']
      return /fsync\(.*\/in>/.test(line) ? ['directory'] : []
    })
    expect(steps).toEqual(['bytes', 'name', 'directory'])
  })
})

test('an old file stays whole while a new one is written', async () => {
  using folder = new TemporaryFolder()
  const path = folder.join('users')
  const texts = ['a', 'b'].map((letter) => letter.repeat(100_000))
  await writeFile(path, texts[0] ?? '')
  const seen = new Set<string>()

  const writing = (async () => {
    for (let time = 0; time < 20; time += 1) await replaceFile({ path, text: texts[time % 2] ?? '' })
  })()
  for (let time = 0; time < 100; time += 1) seen.add(await readFile(path, 'utf8'))
  await writing

  for (const text of seen) expect(texts).toContain(text)
})
