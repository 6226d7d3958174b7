import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chownSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { environmentIn, type Outcome, run } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { runAtTerminal } from '../support/terminal.ts'

/** Each command is a program of its own. */
setDefaultTimeout(120_000)

const folder = new TemporaryFolder()
let config: string
beforeAll(async () => {
  config = await configFor('data')
})
afterAll(() => folder[Symbol.dispose]())

describe('berth user', () => {
  test('adds, lists, changes and removes users; a password comes through a pipe and goes into no output', async () => {
    const added = await berth(['user', 'add', 'alice', '--password-stdin'], 'correct horse\n')
    const before = await stored('users/alice')
    const changed = await berth(['user', 'passwd', 'alice', '--password-stdin'], 'battery staple')
    const after = await stored('users/alice')
    const listed = await berth(['user', 'list'])
    const removed = await berth(['user', 'remove', 'alice'])

    expect(added).toEqual({ exitCode: 0, stdout: 'User alice was added and can log in.\n', stderr: '' })
    expect(await Bun.password.verify('correct horse', before.passwordHash)).toBe(true)
    expect(await Bun.password.verify('battery staple', after.passwordHash)).toBe(true)
    expect(after.revision).not.toBe(before.revision)
    expect(changed.exitCode).toBe(0)
    expect(listed.stdout).toMatch(/^USER +GROUPS +PASSWORD SET\nalice +- +\d{4}-\d\d-\d\d\n$/)
    expect(removed.stdout).toBe('User alice was removed, also from groups, and every token of that user is void.\n')
    expect((await berth(['user', 'list'])).stdout).toBe('There are no users yet; berth user add NAME adds one.\n')
  })

  test.each([
    [['add', 'alice'], '', 'There is no terminal to ask for the password; pipe it in with --password-stdin.'],
    [['add', 'alice', '--password-stdin'], '', 'The password is empty; nothing was changed.'],
    [['add', 'alice', '--password-stdin'], 'a\nb\n', 'Standard input has several lines; a password is one.'],
    [
      ['add', 'alice', '--password-stdin'],
      'x'.repeat(73),
      /^berth: The password has 73 bytes; more than 72 cannot be told apart/,
    ],
    [['add', 'alice', '--password-stdin'], 'a\u0000b', /^berth: The password has control characters/],
    [['add', 'alice', '--password-stdin'], 'berth_robot_x', /^berth: The password begins with berth_robot_ and would be taken/],
    [['add', 'a/b', '--password-stdin'], 'x', /^berth: The name "a\/b" is not allowed/],
    [['passwd', 'nobody', '--password-stdin'], 'x', 'There is no user nobody; berth user list shows who there is.'],
    [['remove', 'nobody'], '', 'There is no user nobody; berth user list shows who there is.'],
    [['add', 'alice', 'secret'], '', /too many arguments/],
    [['add', 'alice', '--password', 'secret'], '', /unknown option '--password'/],
  ] as const)('%j with %j is refused in a sentence', async (words, input, sentence) => {
    const outcome = await berth(['user', ...words], input)

    expect(outcome.exitCode).toBe(1)
    expect(outcome.stdout).toBe('')
    if (typeof sentence === 'string') expect(outcome.stderr).toBe(`berth: ${sentence}\n`)
    else expect(outcome.stderr).toMatch(sentence)
  })
})

describe('berth group', () => {
  test('makes groups, adds and removes members, and tells of names that nobody has', async () => {
    await berth(['user', 'add', 'member', '--password-stdin'], 'secret')

    const added = await berth(['group', 'add', 'team', 'member', 'stranger'])
    const listed = JSON.parse((await berth(['group', 'list', '--json'])).stdout)
    await berth(['group', 'remove', 'team', 'stranger'])
    const shown = (await berth(['group', 'list'])).stdout
    const removed = await berth(['group', 'remove', 'team'])

    expect(added.stderr).toBe('berth: stranger is no user of berth user list; a user of an htpasswd file may have that name.\n')
    expect(listed).toEqual([{ name: 'team', members: ['member', 'stranger'] }])
    expect(shown).toBe('GROUP  MEMBERS\nteam   member\n')
    expect(removed).toMatchObject({ exitCode: 0, stdout: 'Group team was removed.\n' })
    expect((await berth(['group', 'remove', 'team'])).stderr).toStartWith('berth: There is no group team')
  })
})

describe('berth token', () => {
  test('shows a token once, and what it is for; only its hash is kept', async () => {
    const created = await berth(['token', 'create', 'ci', '--scope', 'team/**:pull,push', '--expires', '30d'])
    const listed = await berth(['token', 'list'])
    const record = await stored('robots/ci')
    const revoked = await berth(['token', 'revoke', 'ci'])

    expect(created.stdout).toMatch(/^berth_robot_[A-Za-z0-9_-]{43}\n$/)
    expect(created.stderr).toContain('docker login --username ci --password-stdin REGISTRY')
    expect(created.stderr).toMatch(/it may pull and push team\/\*\*, until \d{4}-\d\d-\d\d \d\d:\d\d UTC\.\n$/)
    expect(listed.stdout).toMatch(/^TOKEN +MAY +EXPIRES\nci +team\/\*\*:pull,push +\d{4}-\d\d-\d\d \d\d:\d\d UTC\n$/)
    expect(record.tokenHash).toBe(new Bun.CryptoHasher('sha256').update(created.stdout.trim()).digest('hex'))
    expect(Date.parse(record.expiresAt) - Date.now()).toBeWithin(29.9 * 86_400_000, 30 * 86_400_000)
    expect(revoked).toMatchObject({ exitCode: 0, stdout: 'Token ci was revoked; nothing can be done with it any more.\n' })
  })

  test('prints the token alone, or everything for a program', async () => {
    const quiet = await berth(['token', 'create', 'one', '--quiet', '--expires', 'never'])
    const json = await berth(['token', 'create', 'two', '--json', '-e', '12h', '-s', 'a:pull', '-s', 'b/*:push,delete'])

    expect(quiet.stderr).toBe('')
    expect(JSON.parse(json.stdout)).toMatchObject({ name: 'two', scopes: ['a:pull', 'b/*:push,delete'] })
    expect((await berth(['token', 'list'])).stdout).toMatch(/^one +what the rules say +never$/m)
  })

  test.each([
    [['x', '--scope', 'team'], /^berth: The scope "team" is not one; write it as 'team\/\*\*:pull,push'/],
    [['x', '--scope', 'Team:pull'], /^berth: The scope "Team:pull" is not one/],
    [['x', '--scope', 'a:pull,pull'], /^berth: The scope "a:pull,pull" is not one/],
    [['x', '--expires', '0d'], /^berth: The lifetime "0d" is not one; write 90d, 12h or never/],
    [['x', '--expires', 'soon'], /^berth: The lifetime "soon" is not one/],
  ])('create %j is refused in a sentence', async (words, sentence) => {
    const outcome = await berth(['token', 'create', ...words])

    expect(outcome).toMatchObject({ exitCode: 1, stdout: '' })
    expect(outcome.stderr).toMatch(sentence)
  })
})

test('commands that run at once lose nothing', async () => {
  const path = await configFor('at-once')
  const names = Array.from({ length: 6 }, (_, index) => `user-${index}`)

  const outcomes = await Promise.all(
    names.flatMap((name) => [
      berth(['user', 'add', name, '--password-stdin'], 'secret', path),
      berth(['group', 'add', 'team', name], '', path),
    ]),
  )

  expect(outcomes.map(({ exitCode }) => exitCode)).toEqual(outcomes.map(() => 0))
  expect(JSON.parse((await berth(['group', 'list', '--json'], '', path)).stdout)).toEqual([{ name: 'team', members: names }])
  expect(JSON.parse((await berth(['user', 'list', '--json'], '', path)).stdout)).toHaveLength(names.length)
})

test('without section access the commands work and say that accounts have no effect', async () => {
  const path = await folder.file('open.yml', `version: 0.1\nstorage: {filesystem: {rootdirectory: ${folder.join('open')}}}\n`)

  const outcome = await berth(['group', 'add', 'team'], '', path)

  expect(outcome.stdout).toBe('Group team is there.\n')
  expect(outcome.stderr).toBe(
    `berth: ${path} has no section access, without which accounts have no effect; see docs/access.md.\n`,
  )
})

test('accounts in a storage in memory are refused in a sentence', async () => {
  const path = await folder.file('memory.yml', 'version: 0.1\nstorage: inmemory\naccess:\n')

  const outcome = await berth(['user', 'list'], '', path)

  expect(outcome).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('A storage in memory is gone with its server') })
})

describeWith({ programs: ['script'] }, 'At a terminal', () => {
  test.each([
    ['typed', ['hidden-word\r', 'hidden-word\r'], 0, 'User typed was added and can log in.'],
    ['corrected', ['hidden-wordX\u007f\r', 'hidden-word\r'], 0, 'User corrected was added and can log in.'],
    ['pasted', ['hidden-word\rhidden-word\r'], 0, 'User pasted was added and can log in.'],
    ['different', ['hidden-word\r', 'hidden-other\r'], 1, 'The two passwords differ; nothing was changed.'],
    ['empty', ['\r', '\r'], 1, 'The password is empty; nothing was changed.'],
    ['interrupted', ['hidden\u0003'], 1, 'Nothing was changed.'],
  ])('the password is asked for and not shown: %s', async (name, typed, exitCode, says) => {
    const environment = environmentIn(folder.join('env'))

    const outcome = await runAtTerminal([BERTH_PROGRAM, 'user', 'add', name, '--config', config], typed, { environment })

    expect(outcome.shown).toContain(`Password for ${name}: `)
    expect(outcome.shown).toContain(says)
    expect(outcome.shown).not.toContain('hidden')
    expect(outcome.exitCode).toBe(exitCode)
  })
})

describe.if(process.getuid?.() === 0)('root, where another user runs the server', () => {
  test('writes what that user can read', async () => {
    const path = await configFor('owned')
    for (const name of ['', 'owned', 'owned/berth']) await folder.directory(name)
    chownSync(folder.path, 4711, 4712)
    chownSync(folder.join('owned'), 4711, 4712)
    chownSync(folder.join('owned/berth'), 4711, 4712)

    const outcome = await berth(['user', 'add', 'alice', '--password-stdin'], 'secret', path)

    expect(outcome.stderr).toBe('')
    const { uid, gid, mode } = await stat(folder.join('owned/berth/v1/access/users/alice'))
    expect([uid, gid, mode & 0o777]).toEqual([4711, 4712, 0o600])
  })
})

async function configFor(data: string): Promise<string> {
  return await folder.file(`${data}.yml`, `version: 0.1\nstorage: {filesystem: {rootdirectory: ${folder.join(data)}}}\naccess:\n`)
}

async function berth(words: readonly string[], input = '', path = config): Promise<Outcome> {
  const environment = { ...environmentIn(folder.join('env')), REGISTRY_CONFIGURATION_PATH: path }
  return await run([BERTH_PROGRAM, ...words], { environment, stdin: new Blob([input]) })
}

async function stored(path: string) {
  return JSON.parse(await readFile(folder.join('data/berth/v1/access', path), 'utf8'))
}
