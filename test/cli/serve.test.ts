import { describe, expect, test } from 'bun:test'
import { readdir, readFile, readlink, rm, symlink } from 'node:fs/promises'
import { BERTH_PROGRAM, BIN_BERTH } from '../support/berth-program.ts'
import { freePort } from '../support/free-port.ts'
import { FullPipe } from '../support/full-pipe.ts'
import { BackgroundProgram, environmentIn, type Outcome, poll, run } from '../support/processes.ts'
import { registryConfig } from '../support/registry-config.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const START_MS = 60_000
const LISTENING = /msg="listening" url=(\S+)/

describe('a command line', () => {
  test('asks for the version or for help and ends with 0', async () => {
    const version = await berth('--version')
    const help = await berth('serve', '--help')

    expect(version).toEqual({ exitCode: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: '' })
    expect(help).toEqual({
      exitCode: 0,
      stdout: expect.stringContaining('Usage: berth serve [options] [config.yml]'),
      stderr: '',
    })
  })

  test.each([
    [['sreve'], "berth: unknown command 'sreve'\n(Did you mean serve?)\n"],
    [['serve', '--port'], "berth: unknown option '--port'\n"],
    [['--loud'], "berth: unknown option '--loud'\n"],
    [['serve', 'a.yml', 'b.yml'], "berth: too many arguments for 'serve'. Expected 1 argument but got 2: a.yml, b.yml.\n"],
  ])('%j ends with 1 and a sentence', async (words, sentence) => {
    const outcome = await berth(...words)

    expect(outcome).toEqual({ exitCode: 1, stdout: '', stderr: sentence })
  })

  test('works through a link, as npm makes one', async () => {
    using folder = new TemporaryFolder()
    await symlink(BIN_BERTH, folder.join('linked'))

    const outcome = await run([folder.join('linked'), '--version'], { environment: environmentIn(folder.path), cwd: '/' })

    expect(outcome.exitCode).toBe(0)
  })
})

describe('a start that cannot succeed ends with 1 and says why:', () => {
  test('a configuration with mistakes names all of them', async () => {
    using folder = new TemporaryFolder()
    const config = await folder.file(
      'config.yml',
      'version: 0.1\nstorage: inmemory\nhttp: {addr: "1.2.3.4"}\nlog: {level: loud}\n',
    )

    const outcome = await serveToItsEnd(folder, config)

    expect(outcome.exitCode).toBe(1)
    expect(outcome.stderr).toBe(
      `berth: ${config} has 2 problems:\n` +
        '  line 3: http.addr: "1.2.3.4" is not an address; write host:port, or :port for every interface\n' +
        '  line 4: log.level: "loud" is not allowed; use error, warn, info or debug\n',
    )
  })

  test('a slow reader gets every mistake, also when they are more than a pipe holds', async () => {
    using folder = new TemporaryFolder()
    const mistakes = Array.from({ length: 3000 }, (_, number) => `  unknown_key_number_${number}: value\n`).join('')
    const config = await folder.file('config.yml', `version: 0.1\nstorage:\n  inmemory:\n${mistakes}`)
    const slowly = '"$0" serve "$1" 2>&1 >/dev/null | { read -r line && echo "$line" && sleep 1 && cat; }'

    const outcome = await run(['sh', '-c', slowly, BERTH_PROGRAM, config], { environment: environmentIn(folder.join('berth')) })

    expect(outcome.stdout).toContain('unknown_key_number_0')
    expect(outcome.stdout).toContain('unknown_key_number_2999')
  })

  test('a port in use', async () => {
    using folder = new TemporaryFolder()
    using other = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } })
    const text = registryConfig(folder.join('data')).replace('127.0.0.1:0', `127.0.0.1:${other.port}`)

    const outcome = await serveToItsEnd(folder, await folder.file('config.yml', text))

    expect(outcome.exitCode).toBe(1)
    expect(lastLine(outcome)).toMatch(/^berth: .*\bin use\b.*http\.addr/)
  })

  test('a data directory that cannot be made', async () => {
    using folder = new TemporaryFolder()
    const file = await folder.file('data', 'not a directory')

    const outcome = await serveToItsEnd(folder, await folder.file('config.yml', registryConfig(file)))

    expect(outcome.exitCode).toBe(1)
    expect(lastLine(outcome)).toStartWith('berth: ')
    expect(outcome.stderr).toContain(file)
    expect(outcome.stderr).not.toContain('    at ')
  })
})

describe('logs in files', () => {
  test('have the lines that the terminal has otherwise, and are added to', async () => {
    using folder = new TemporaryFolder()
    const log = await folder.file('berth.log', 'an older line\n')
    const keys = `log: {file: ${log}, accesslog: {file: ${folder.join('access.log')}}}\n`
    const text = registryConfig(folder.join('data')).replace(/log:\n {2}level: info\n/, keys)
    const config = await folder.file('config.yml', text)
    const program = new BackgroundProgram([BERTH_PROGRAM, 'serve', config], { environment: environmentIn(folder.path) })
    const url = await poll('it listens', START_MS, async () => LISTENING.exec(await readFile(log, 'utf8'))?.[1])

    await fetch(`${url}/v2/`)
    await program.stop()

    expect(await readFile(log, 'utf8')).toMatch(/^an older line\n[\s\S]*msg="stopped"/)
    expect(await readFile(folder.join('access.log'), 'utf8')).toContain('"GET /v2/ HTTP/1.1" 200')
    expect(program.output).toBe('')
  })

  test('that nobody reads do not keep the server from ending', async () => {
    using folder = new TemporaryFolder()
    using pipe = new FullPipe()
    const address = `127.0.0.1:${await freePort()}`
    const text = registryConfig(folder.join('data')).replace('level: info', `file: ${pipe.path}`).replace('127.0.0.1:0', address)
    const config = await folder.file('config.yml', text)
    const program = new BackgroundProgram([BERTH_PROGRAM, 'serve', config], { environment: environmentIn(folder.path) })
    await poll('it answers', START_MS, async () => (await fetch(`http://${address}/v2/`).catch(() => undefined))?.ok || undefined)

    expect(await program.stop()).toBe(0)
  })

  test('that cannot be opened end the start with one sentence', async () => {
    using folder = new TemporaryFolder()
    const text = registryConfig(folder.join('data')).replace('level: info', `file: ${folder.join('missing/berth.log')}`)

    const outcome = await serveToItsEnd(folder, await folder.file('config.yml', text))

    expect(outcome.exitCode).toBe(1)
    expect(lastLine(outcome)).toMatch(/^berth: The log .*berth\.log cannot be opened/)
  })
})

describe('a running server', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('ends with 0 on %s', async (signal) => {
    using folder = new TemporaryFolder()
    const program = await serve(folder)

    process.kill(program.pid, signal)

    expect(await program.exited).toBe(0)
    expect(program.output).toContain(`msg="stopping" signal=${signal}`)
    expect(program.output).toContain('msg="stopped"')
  })

  test('lets a request finish that has begun, and refuses new ones', async () => {
    using folder = new TemporaryFolder()
    await using program = await serve(folder)
    const url = urlOf(program)
    const { promise: rest, resolve: sendRest } = Promise.withResolvers<Uint8Array>()
    const upload = await fetch(`${url}/v2/slow/blobs/uploads/`, { method: 'POST' })
    const patch = fetch(`${url}${upload.headers.get('location')}`, { method: 'PATCH', body: inTwo('first ', rest) })
    await poll('the upload has begun', START_MS, async () => {
      return (await readdir(folder.join('data/berth/uploads'))).length === 1 || undefined
    })

    process.kill(program.pid, 'SIGTERM')
    await program.waitForOutput(/msg="stopping"/, START_MS)
    const refused = await fetch(`${url}/v2/`).then(
      () => 'answered',
      () => 'refused',
    )
    sendRest(new TextEncoder().encode('second'))

    expect(refused).toBe('refused')
    expect((await patch).status).toBe(202)
    expect(await program.exited).toBe(0)
  })

  test('is one process, with a file pool larger than the number of cores', async () => {
    using folder = new TemporaryFolder()
    await using program = await serve(folder, { berth: BIN_BERTH })

    const environment = await readFile(`/proc/${program.pid}/environ`, 'utf8')

    expect(await readlink(`/proc/${program.pid}/exe`)).toContain('bun')
    expect(environment.split('\0')).toContain('UV_THREADPOOL_SIZE=64')
  })

  test('takes nothing from a .env or a bunfig.toml of the folder it is started in', async () => {
    using folder = new TemporaryFolder()
    await folder.file('cwd/.env', 'REGISTRY_LOG_LEVEL=loud\n')
    await folder.file('cwd/bunfig.toml', 'preload = ["./absent.ts"]\n')

    await using program = await serve(folder, { cwd: folder.join('cwd') })

    expect(urlOf(program)).toStartWith('http://127.0.0.1:')
  })

  test('without a configuration says where its data is and how to open it to others', async () => {
    using folder = new TemporaryFolder()
    const cwd = await folder.directory('cwd')
    const environment = { ...environmentIn(folder.join('berth')), REGISTRY_HTTP_ADDR: '127.0.0.1:0' }
    await using program = new BackgroundProgram(startedIn(cwd, [BERTH_PROGRAM, 'serve']), { environment })

    await program.waitForOutput(/Only this machine can reach it.*REGISTRY_HTTP_ADDR=:5000/, START_MS)

    expect(program.output).toMatch(
      new RegExp(`Berth \\S+ serves http://127\\.0\\.0\\.1:\\d+ and keeps its data in ${cwd}/data\\.`),
    )
  })

  test('writes its log as JSON when asked to', async () => {
    using folder = new TemporaryFolder()
    const text = registryConfig(folder.join('data')).replace('level: info', 'level: info\n  formatter: json')
    const config = await folder.file('config.yml', text)
    await using program = new BackgroundProgram([BERTH_PROGRAM, 'serve', config], {
      environment: environmentIn(folder.join('berth')),
    })

    await program.waitForOutput(/"msg":"listening"/, START_MS)

    for (const line of program.output.trim().split('\n'))
      expect(Object.keys(JSON.parse(line))).toContainValues(['level', 'time', 'msg'])
  })

  test('starts anew, under the same process id, when its database is taken away', async () => {
    using folder = new TemporaryFolder()
    await using program = await serve(folder)

    await rm(folder.join('data/berth/metadata.db'))
    await program.waitForOutput(/msg="listening"[\s\S]*msg="restarting"[\s\S]*msg="listening"/, START_MS)

    const urls = [...program.output.matchAll(/msg="listening" url=(\S+)/g)].map((match) => match[1] ?? '')
    expect((await fetch(`${urls.at(-1)}/v2/`)).status).toBe(200)
  })
})

async function berth(...words: readonly string[]): Promise<Outcome> {
  using folder = new TemporaryFolder()
  return await run([BERTH_PROGRAM, ...words], { environment: environmentIn(folder.path) })
}

async function serveToItsEnd(folder: TemporaryFolder, config: string): Promise<Outcome> {
  return await run([BERTH_PROGRAM, 'serve', config], { environment: environmentIn(folder.join('berth')), timeoutMs: START_MS })
}

async function serve(
  folder: TemporaryFolder,
  { cwd, berth = BERTH_PROGRAM }: { readonly cwd?: string; readonly berth?: string } = {},
): Promise<BackgroundProgram> {
  const config = await folder.file('config.yml', registryConfig(folder.join('data')))
  const command = [berth, 'serve', config]
  const program = new BackgroundProgram(cwd === undefined ? command : startedIn(cwd, command), {
    environment: environmentIn(folder.join('berth')),
  })
  await program.waitForOutput(LISTENING, START_MS)
  return program
}

function startedIn(cwd: string, command: readonly string[]): string[] {
  return ['sh', '-c', 'cd -- "$0" && exec "$@"', cwd, ...command]
}

function urlOf(program: BackgroundProgram): string {
  return LISTENING.exec(program.output)?.[1] ?? ''
}

function lastLine({ stderr }: Outcome): string {
  return stderr.trim().split('\n').at(-1) ?? ''
}

/** A body whose end comes when the test says so. */
function inTwo(first: string, rest: Promise<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async start(controller) {
      controller.enqueue(new TextEncoder().encode(first))
      controller.enqueue(await rest)
      controller.close()
    },
  })
}
