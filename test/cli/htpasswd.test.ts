import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { chmod, stat } from 'node:fs/promises'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { environmentIn, type Outcome, run, runToSuccess } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

describeWith({ programs: ['htpasswd'] }, 'berth htpasswd', () => {
  let folder: TemporaryFolder
  beforeAll(() => {
    folder = new TemporaryFolder()
  })
  afterAll(() => folder[Symbol.dispose]())

  async function berth(words: readonly string[], stdin = ''): Promise<Outcome> {
    return await run([BERTH_PROGRAM, 'htpasswd', ...words], {
      environment: environmentIn(folder.join('env')),
      stdin: new Blob([stdin]),
    })
  }

  /** What Apache's program says to a password in a file. */
  async function isRight(path: string, user: string, password: string): Promise<boolean> {
    const words = ['htpasswd', '-vb', path, user, password]
    return (await run(words, { environment: environmentIn(folder.join('env')) })).exitCode === 0
  }

  test("prints a line as people make one with registry:2's image", async () => {
    const printed = await berth(['-Bbn', 'testuser', 'testpassword'])

    expect(printed).toMatchObject({ exitCode: 0, stderr: '' })
    expect(printed.stdout).toMatch(/^testuser:\$2y\$10\$[./A-Za-z0-9]{53}\n\n$/)
    expect(await isRight(await folder.file('printed', printed.stdout), 'testuser', 'testpassword')).toBe(true)
  })

  test('adds, changes, verifies and removes users, and leaves everything else in the file as it is', async () => {
    const path = folder.join('users')
    await runToSuccess(['htpasswd', '-cbB', path, 'old', 'old-secret'], { environment: environmentIn(folder.join('env')) })
    await Bun.write(path, `# of the team\n${await Bun.file(path).text()}`)
    await chmod(path, 0o640)

    const added = await berth(['-i', '-C', '4', path, 'alice'], 'secret\n')
    const changed = await berth(['-bB', path, 'alice', 'other'])
    const right = await berth(['--verify', '-b', path, 'alice', 'other'])
    const wrong = await berth(['--verify', '-b', path, 'alice', 'secret'])

    expect([added, changed, right].map(({ stderr }) => stderr)).toEqual([
      'Adding password for user alice\n',
      'Updating password for user alice\n',
      'Password for user alice correct.\n',
    ])
    expect(wrong.exitCode).toBe(1)
    expect(await isRight(path, 'alice', 'other')).toBe(true)
    expect(await isRight(path, 'old', 'old-secret')).toBe(true)
    expect((await berth(['-D', path, 'alice'])).exitCode).toBe(0)
    expect(await Bun.file(path).text()).toMatch(/^# of the team\nold:\$2y\$05\$\S+\n$/)
    expect((await stat(path)).mode & 0o777).toBe(0o640)
  })

  test.each([
    [['-sbn', 'a', 'b'], 'The option -s makes a hash that no registry takes; use -B.'],
    [['-bn', 'a'], 'With -b the password is the last word, and it is missing.'],
    [['-n', 'a', 'b'], 'a password on the command line needs the option -b'],
    [['-bn', 'a:b', 'c'], 'no colon'],
    [['-bnC', '3', 'a', 'b'], 'from 4 to 17'],
    [['-b', '/nowhere/users', 'a', 'b'], 'The file /nowhere/users cannot be read; -c makes a new one.'],
    [['-cb', '/nowhere/users', 'a', 'b'], 'The file /nowhere/users cannot be written.'],
  ])('says what is wrong with %j', async (words, sentence) => {
    const refused = await berth(words)

    expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
    expect(refused.stderr).toContain(sentence)
  })
})
