import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { DockerError } from './docker-error.ts'
import { Engine } from './engine.ts'
import { EngineCalls } from './engine-calls.ts'

type Answers = (method: string, path: string, request: Request) => Response | Promise<Response>

let folder: TemporaryFolder
let answers: Answers
let version: string
let asked: string[]
let server: ReturnType<typeof serve>

function serve(socket: string) {
  return Bun.serve({
    unix: socket,
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url)
      asked.push(`${request.method} ${pathname}${search}`)
      if (pathname === '/_ping') return new Response('OK', { headers: { 'api-version': version } })
      return await answers(request.method, pathname.replace(/^\/v[\d.]+/, ''), request)
    },
  })
}

beforeEach(() => {
  folder = new TemporaryFolder()
  asked = []
  version = '1.41'
  answers = () => new Response(null, { status: 204 })
  server = serve(folder.join('docker.sock'))
})
afterEach(async () => {
  await server.stop(true)
  folder[Symbol.dispose]()
})

function engine(signal: AbortSignal = new AbortController().signal): Engine {
  return new Engine(new EngineCalls(folder.join('docker.sock')), signal)
}

const json = (value: unknown, status = 200) => Response.json(value, { status })

describe('the version of the API', () => {
  test.each([
    ['1.41', '1.41'],
    ['1.51', '1.51'],
    ['1.60', '1.51'],
  ])('of a daemon that speaks %s is %s', async (offered, spoken) => {
    version = offered
    await engine().startContainer('x')

    expect(asked).toEqual(['GET /_ping', `POST /v${spoken}/containers/x/start`])
  })

  test('is asked once', async () => {
    const docker = engine()
    await docker.startContainer('x')
    await docker.startContainer('y')

    expect(asked.filter((request) => request === 'GET /_ping')).toHaveLength(1)
  })

  test('that is none is told: what answers is not Docker', async () => {
    version = 'nonsense'

    await expect(engine().listContainers()).rejects.toThrow("is it Docker's socket?")
  })
})

describe('an answer', () => {
  test('that there is no such thing is undefined for what is looked for, and an error for what is done', async () => {
    answers = () => json({ message: 'No such container: x' }, 404)

    expect([await engine().findContainer('x'), await engine().findImage('x')]).toEqual([undefined, undefined])
    await expect(engine().renameContainer('x', 'y')).rejects.toThrow('Docker says: No such container: x')
  })

  test('for the beginning of an id is none for the id', async () => {
    answers = () => json({ Id: 'abc'.padEnd(64, '0'), Name: '/app', Image: 'sha256:1', State: { Status: 'running' } })

    expect(await engine().findContainer('abc')).toBeUndefined()
    expect(await engine().findContainer('app')).toMatchObject({ name: 'app', state: 'running' })
  })

  test('without an end is not read to its end', async () => {
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024)) })
    answers = () => new Response(endless)

    await expect(engine().listContainers()).rejects.toThrow('answers with more than')
  })

  test.each([['{}'], ['[]'], ['null'], ['nonsense'], ['{"Id": 1}']])('%p is no container and no image', async (text) => {
    answers = () => new Response(text)

    await expect(engine().findContainer('x')).rejects.toThrow(DockerError)
    await expect(engine().findImage('x')).rejects.toThrow(DockerError)
  })

  test('that does not come because the daemon is away is told apart from a refusal', async () => {
    await server.stop(true)
    const away = await engine()
      .listContainers()
      .catch((error: unknown) => error)
    server = serve(folder.join('docker.sock'))
    answers = () => json({ message: 'port is already allocated' }, 500)
    const refused = await engine()
      .startContainer('x')
      .catch((error: unknown) => error)

    expect([away, refused].map((error) => (error instanceof DockerError ? error.isAway : error))).toEqual([true, false])
  })
})

describe('a pull', () => {
  const pull = { reference: `r.example:5000/app@sha256:${'a'.repeat(64)}`, platform: undefined, login: undefined }

  test('shows the registry what the agent has, and names the platform of another machine', async () => {
    let shown: string | null = null
    answers = (_, __, request) => {
      shown = request.headers.get('x-registry-auth')
      return new Response('{"status":"Pulling"}\n{"status":"Done"}\n')
    }

    await engine().pullImage({ ...pull, platform: 'linux/arm64', login: { username: 'host', password: 'ä?>~' } })

    // As Go's base64.URLEncoding has it, which daemons read it by.
    expect(shown).toMatch(/^[A-Za-z0-9_-]*={1,2}$/)
    expect(JSON.parse(Buffer.from(shown ?? '', 'base64url').toString())).toEqual({ username: 'host', password: 'ä?>~' })
    expect(asked.at(-1)).toBe(
      `POST /v1.41/images/create?fromImage=r.example%3A5000%2Fapp%40sha256%3A${'a'.repeat(64)}&platform=linux%2Farm64`,
    )
  })

  test('that fails after its answer has begun is a failure', async () => {
    answers = () => new Response(`{"status":"Pulling"}\n{"status":"${'x'.repeat(100_000)}"}\n{"error":"manifest unknown"}`)

    await expect(engine().pullImage(pull)).rejects.toThrow('manifest unknown')
  })
})

describe('a command in a container', () => {
  test('has its exit code and the first of what it printed', async () => {
    answers = async (method, path, request) => {
      if (path === '/containers/x/exec') expect(((await request.json()) as { Cmd: unknown }).Cmd).toEqual(['/bin/sh', '-c', 'ls'])
      if (path === '/containers/x/exec') return json({ Id: 'e1' }, 201)
      return method === 'POST' ? new Response('y'.repeat(10_000)) : json({ ExitCode: 3, Running: false })
    }

    const { exitCode, output } = await engine().runInContainer('x', 'ls', 10_000)

    expect([exitCode, output.length]).toEqual([3, 4096])
  })

  test('that goes on for ever is left after its time', async () => {
    answers = (method, path) => {
      if (path === '/containers/x/exec') return json({ Id: 'e1' }, 201)
      const drips = new ReadableStream({
        pull: async (controller) => {
          await Bun.sleep(5)
          controller.enqueue(new TextEncoder().encode('.'))
        },
      })
      return method === 'POST' ? new Response(drips) : json({ ExitCode: null, Running: true })
    }

    await expect(engine().runInContainer('x', 'yes', 50)).rejects.toThrow('did not end within')
  })
})

test('a container that the daemon is removing by itself is waited for, and one that cannot be removed is not', async () => {
  let message = 'removal of container x is already in progress'
  answers = (method) => (method === 'DELETE' ? json({ message }, 409) : json({ StatusCode: 0 }))

  await engine().removeContainer('x')
  message = 'You cannot remove a running container'

  await expect(engine().removeContainer('x')).rejects.toThrow('You cannot remove a running container')
  expect(asked.filter((line) => line.includes('/wait'))).toEqual(['POST /v1.41/containers/x/wait?condition=removed'])
})

test('what is asked for and there already is done', async () => {
  answers = (method) => new Response(null, { status: method === 'DELETE' ? 404 : 304 })

  const docker = engine()

  await docker.startContainer('x')
  await docker.stopContainer('x')
  await docker.removeContainer('x')

  expect(asked.slice(1)).toEqual([
    'POST /v1.41/containers/x/start',
    'POST /v1.41/containers/x/stop',
    'DELETE /v1.41/containers/x',
  ])
})
