import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { freePort } from '../support/free-port.ts'
import { environmentIn, run } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const COMMANDS = join(import.meta.dir, '../../deploy/image')

/** The commands of the image by themselves; test/image/image.test.ts runs some of them in it. */
describeWith({ programs: ['busybox'] }, 'health checks that people write for the image registry:2', () => {
  const folder = new TemporaryFolder()
  const healthy = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('{}') })
  const failing = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('no', { status: 503 }) })
  const sockets = new Set<Socket>()
  let silent: Server
  let silentPort = 0

  beforeAll(async () => {
    silentPort = await freePort()
    silent = createServer((socket) => void sockets.add(socket)).listen(silentPort, '127.0.0.1')
  })
  afterAll(async () => {
    await Promise.all([healthy.stop(true), failing.stop(true)])
    for (const socket of sockets) socket.destroy()
    silent.close()
    folder[Symbol.dispose]()
  })

  describe.each([
    'wget -q --spider URL',
    'wget -T 3 -q --spider URL',
    'wget -T3 -q -O /dev/null URL',
    'wget -qT 3 -O - URL',
    'wget -qT3 -O- URL',
    'wget --quiet --timeout=3 --spider URL',
    'wget --no-verbose --tries=1 --spider URL',
    'wget --no-verbose --tries=1 --timeout 3 --spider URL',
    'wget -nv -t1 -T 3 --spider URL',
    'wget --header=Accept:*/* -S -T 3 -O- URL',
    'sh -c wget\\ -T\\ 3\\ -q\\ --spider\\ URL',
  ])('%s', (line) => {
    test('is 0 when the registry answers, and not 0 when it refuses or nothing listens', async () => {
      const closed = `http://127.0.0.1:${await freePort()}/`

      expect(await exitCode(line, healthy.url.href)).toBe(0)
      expect(await exitCode(line, failing.url.href)).not.toBe(0)
      expect(await exitCode(line, closed)).not.toBe(0)
    })
  })

  test('wget -T gives up on a server that does not answer', async () => {
    expect(await exitCode('wget -T 1 -q --spider URL', `http://127.0.0.1:${silentPort}/`)).not.toBe(0)
  })

  test.each(['nc -z 127.0.0.1 URL', 'nc -zv 127.0.0.1 URL', 'nc -vz -w 3 127.0.0.1 URL', 'nc -w3 -z 127.0.0.1 URL'])(
    '%s says whether something listens',
    async (line) => {
      expect(await exitCode(line, String(healthy.port))).toBe(0)
      expect(await exitCode(line, String(await freePort()))).not.toBe(0)
    },
  )

  async function exitCode(line: string, target: string): Promise<number> {
    const words = line.split(/(?<!\\) /).map((word) => word.replaceAll('\\ ', ' ').replace('URL', target))
    const environment = { ...environmentIn(folder.path), BUSYBOX: Bun.which('busybox') ?? '' }
    const command = words[0] === 'sh' ? words : [join(COMMANDS, words[0] ?? ''), ...words.slice(1)]
    return (await run(command, { environment: { ...environment, PATH: `${COMMANDS}:${process.env.PATH}` } })).exitCode
  }
})
