import { describe, expect, test } from 'bun:test'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { type Environment, environmentIn, type Outcome, run } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const MINIMAL = 'version: 0.1\nstorage: inmemory\n'

describe('berth config', () => {
  test('prints what holds and where it comes from; what to know goes to standard error', async () => {
    using folder = new TemporaryFolder()
    const path = await folder.file('config.yml', `${MINIMAL}http: {secret: hunter2}\n`)

    const outcome = await berth(folder, ['config', path], { REGISTRY_LOG_LEVEL: 'debug' })

    expect(outcome.exitCode).toBe(0)
    expect(outcome.stdout).toMatch(/^ {2}level: debug +# REGISTRY_LOG_LEVEL$/m)
    expect(outcome.stdout).toMatch(new RegExp(`^ {2}secret: "\\*{4}" +# ${path}:3$`, 'm'))
    expect(outcome.stderr).toBe(
      `berth: ${path}:3: http.secret: Upload addresses of Berth carry no state to sign; the secret is not used.\n`,
    )
  })

  test('names everything that is wrong and ends with 1', async () => {
    using folder = new TemporaryFolder()
    const path = await folder.file('config.yml', `${MINIMAL}middleware: {storage: [{name: a}]}\nlog: {level: loud}\n`)

    const outcome = await berth(folder, ['config', path])

    expect(outcome).toEqual({
      exitCode: 1,
      stdout: '',
      stderr:
        `berth: ${path} has 2 problems:\n` +
        '  line 3: middleware is a setting that Berth does not have yet; take it out\n' +
        '  line 4: log.level: "loud" is not allowed; use error, warn, info or debug\n',
    })
  })
})

describe('berth check-config', () => {
  test('says that it starts, what it accepts, and what changes', async () => {
    using folder = new TemporaryFolder()
    const path = await folder.file('config.yml', `${MINIMAL}redis: {addr: "a:1"}\nhttp: {addr: ":1"}\n`)

    const outcome = await berth(folder, ['check-config', path])

    expect(outcome.exitCode).toBe(0)
    expect(outcome.stdout).toStartWith(`Berth starts with ${path} as it is.\n`)
    expect(outcome.stdout).toContain(`\n- ${path}:3: redis: Berth needs no cache in Redis; nothing here has an effect.\n`)
    expect(outcome.stdout).toContain('\n- http.draintimeout is not set: registry:2 cuts running requests off')
  })

  test('passes over a key that there is not, names it, and refuses it with --strict, as serve does', async () => {
    using folder = new TemporaryFolder()
    const path = await folder.file('config.yml', `${MINIMAL}http: {timeout: 3s}\n`)

    const [lenient, strict, serve] = await Promise.all([
      berth(folder, ['check-config', path]),
      berth(folder, ['check-config', '--strict', path]),
      berth(folder, ['serve', '--strict', path]),
    ])

    expect(lenient.exitCode).toBe(0)
    expect(lenient.stdout).toContain(
      `\n- ${path}:3: http.timeout is not a known key and has no effect; did you mean http.draintimeout?\n`,
    )
    const refusal = `${path} has a problem:\n  line 3: http.timeout is not a known key; did you mean http.draintimeout?\n`
    expect([strict.exitCode, serve.exitCode]).toEqual([1, 1])
    expect(strict.stdout).toStartWith(`Berth does not start with it: ${refusal}`)
    expect(serve.stderr).toBe(`berth: ${refusal}`)
  })

  test('says why it does not start, and ends with 1', async () => {
    using folder = new TemporaryFolder()
    const path = await folder.file('config.yml', `${MINIMAL}middleware: {storage: [{name: a}]}\n`)

    const outcome = await berth(folder, ['check-config', path])

    expect(outcome.exitCode).toBe(1)
    expect(outcome.stdout).toStartWith(`Berth does not start with it: ${path} has a problem:\n  line 3: middleware is a setting`)
  })
})

describe('every command', () => {
  test.each(['serve', 'config', 'check-config', 'completion', 'health', 'storage'])(
    '%s has a help of its own',
    async (command) => {
      using folder = new TemporaryFolder()

      const outcome = await berth(folder, [command, '--help'])

      expect(outcome).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`Usage: berth ${command}`) })
    },
  )
})

describe('berth completion', () => {
  test('knows three shells', async () => {
    using folder = new TemporaryFolder()

    const outcome = await berth(folder, ['completion', 'tcsh'])

    expect(outcome).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Allowed choices are bash, zsh, fish.') })
  })
})

describeWith({ programs: ['bash'] }, 'In bash, berth completion', () => {
  test.each([
    ['berth ch', ['check', 'check-config']],
    ['berth storage c', ['copy', 'check']],
    ['berth completion ', ['bash', 'zsh', 'fish', '--help']],
    ['berth config --he', ['--help']],
  ])('completes %p', async (line, expected) => {
    using folder = new TemporaryFolder()
    const { stdout: script } = await berth(folder, ['completion', 'bash'])
    const words = line.split(' ')
    const ask = `${script}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _berth; printf '%s\\n' "\${COMPREPLY[@]}"`

    const cwd = await folder.directory('empty')
    const outcome = await run(['bash', '--norc', '-c', ask], { environment: environmentIn(folder.path), cwd })

    expect(outcome.stdout.trim().split('\n')).toEqual(expected)
  })
})

for (const shell of ['zsh', 'fish']) {
  describeWith({ programs: [shell] }, `In ${shell}, berth completion`, () => {
    test('is a script that can be read', async () => {
      using folder = new TemporaryFolder()
      const { stdout } = await berth(folder, ['completion', shell])
      const script = await folder.file('completion', stdout)

      const outcome = await run([shell, '-n', script], { environment: environmentIn(folder.path) })

      expect(outcome).toEqual({ exitCode: 0, stdout: '', stderr: '' })
    })
  })
}

async function berth(folder: TemporaryFolder, words: readonly string[], variables: Environment = {}): Promise<Outcome> {
  return await run([BERTH_PROGRAM, ...words], { environment: { ...environmentIn(folder.path), ...variables } })
}
