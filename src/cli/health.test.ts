import { afterAll, afterEach, expect, spyOn, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CommandError } from './command-error.ts'
import { health } from './health.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-health-'))
afterAll(() => rmSync(folder, { recursive: true }))

const printed = spyOn(process.stdout, 'write').mockImplementation(() => true)
afterEach(() => printed.mockClear())
afterAll(() => printed.mockRestore())

test('a server that answers is healthy, wherever its paths begin', async () => {
  using server = serve(({ pathname }) => (pathname === '/livez' ? 200 : 404))

  await health(config(`addr: :${server.port}`, 'prefix: /images/'))

  expect(printed).toHaveBeenLastCalledWith(`healthy: http://127.0.0.1:${server.port} answers\n`)
})

test('a server that answers with anything else is not', async () => {
  using server = serve(() => 503)

  const failure = health(config(`addr: 127.0.0.1:${server.port}`))

  await expect(failure).rejects.toThrow(new CommandError(`unhealthy: http://127.0.0.1:${server.port} answers 503`))
})

test('a server on a socket is asked there', async () => {
  const socket = join(folder, 'berth.sock')
  const server = Bun.serve({ unix: socket, fetch: () => new Response() })

  await health(config(`addr: ${socket}`, 'net: unix'))

  expect(printed).toHaveBeenLastCalledWith(`healthy: ${socket} answers\n`)
  await server.stop(true)
})

test('where nobody listens, and where nobody can know, is said in a sentence', async () => {
  await expect(health(config('addr: localhost:1'))).rejects.toThrow(/^unhealthy: http:\/\/localhost:1 does not answer: /)
  await expect(health(config('addr: :0'))).rejects.toThrow(/^http.addr lets the server take any free port/)
})

function config(...http: readonly string[]): string {
  const path = join(folder, `${crypto.randomUUID()}.yml`)
  writeFileSync(path, `version: 0.1\nstorage: inmemory\nhttp: {${http.join(', ')}}\n`)
  return path
}

function serve(statusAt: (url: URL) => number) {
  return Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request) => new Response(null, { status: statusAt(new URL(request.url)) }),
  })
}
