import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { parse } from 'yaml'
import { MOST_HEADER_BYTES } from '../../src/http/server/header-size.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { buildGoProgram, GO } from '../support/go-program.ts'
import { MACHINE_PROGRAMS } from '../support/private-machine.ts'
import { type BackgroundProgram, environmentIn, run } from '../support/processes.ts'
import { joinCertificate, startApache, startCaddy, startHaproxy, startNginx } from '../support/proxies.ts'
import { ProxyLab } from '../support/proxy-lab.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000
const BUILD_MS = 20 * 60_000
const CADDY = { source: 'github.com/caddyserver/caddy/v2/cmd/caddy', version: 'v2.11.9' }
const URL = 'https://registry.example.com:8443'
const PORT = ['--port', '8443']
/** For the other headers, and those that a proxy adds. */
const OTHER_HEADERS_BYTES = 1024

describeWith({ programs: MACHINE_PROGRAMS, root: true }, 'what berth proxy-config prints', () => {
  let lab: ProxyLab
  beforeAll(async () => {
    lab = await ProxyLab.start()
  }, TEST_MS)
  afterAll(async () => await lab[Symbol.asyncDispose](), TEST_MS)

  describeWith({ programs: ['nginx'] }, 'for nginx', () => {
    test(
      'lets 1 KB, 2 MB and 150 MB through, on a port of its own',
      async () => {
        await using _ = await startNginx(lab.folder, lab.machine, 'nginx', await lab.proxyConfig('nginx', ...PORT))

        await letsEverythingThrough()
      },
      TEST_MS,
    )

    test(
      'sends plain HTTP on to HTTPS where that has its usual port',
      async () => {
        await using _ = await startNginx(lab.folder, lab.machine, 'nginx', await lab.proxyConfig('nginx'))

        const sent = await lab.machine.run(
          'curl',
          // nginx opens its ports one after another, and HTTPS answers first.
          ...['--retry', '60', '--retry-delay', '1', '--retry-connrefused'],
          '-sS',
          '-o',
          '/dev/null',
          '-w',
          '%{http_code} %{redirect_url}',
          'http://registry.example.com/v2/a?b',
        )

        expect(sent).toBe('308 https://registry.example.com/v2/a?b')
      },
      TEST_MS,
    )
  })

  describeWith({ programs: ['haproxy'] }, 'for HAProxy', () => {
    test(
      'lets everything through',
      async () => {
        const joined = await joinCertificate(lab.folder, lab.certificates)
        const config = await lab.proxyConfig('haproxy', ...PORT, '--certificate', joined)
        await using _ = await startHaproxy(lab.folder, lab.machine, config)

        await letsEverythingThrough()
      },
      TEST_MS,
    )
  })

  describeWith({ programs: ['apache2'] }, 'for Apache', () => {
    test(
      'lets everything through',
      async () => {
        await using _ = await startApache(lab.folder, lab.machine, 8443, await lab.proxyConfig('apache', ...PORT))

        await letsEverythingThrough()
      },
      TEST_MS,
    )
  })

  describeWith({ programs: [GO] }, 'for Caddy', () => {
    let program: string
    beforeAll(async () => {
      program = await buildGoProgram(CADDY.source, CADDY.version)
    }, BUILD_MS)

    test(
      'lets everything through',
      async () => {
        await using _: BackgroundProgram = await startCaddy(
          lab.folder,
          lab.machine,
          program,
          await lab.proxyConfig('caddy', ...PORT),
        )

        await letsEverythingThrough()
      },
      TEST_MS,
    )
  })

  async function letsEverythingThrough(): Promise<void> {
    const { exitCode, stdout } = await lab.doctor(URL)

    expect(stdout).toMatch(/^ok {4} push of 150 MB: /m)
    expect(stdout).not.toMatch(/^(odd|FAILED)/m)
    expect([exitCode, stdout.split('\n').at(-2)]).toEqual([0, 'Clients can push and pull.'])
    expect(await statusWithHeader(MOST_HEADER_BYTES - OTHER_HEADERS_BYTES)).toBe('200')
  }

  async function statusWithHeader(bytes: number): Promise<string> {
    // Over HTTP/2 curl sends no headers that are so long.
    const look = ['curl', '--http1.1', '-sS', '--cacert', lab.certificates.authority, '-o', '/dev/null', '-w', '%{http_code}']
    return await lab.machine.run(...look, '-H', `X-Token: ${'a'.repeat(bytes)}`, `${URL}/v2/`)
  }
})

describe('berth proxy-config', () => {
  test('prints two files for Traefik that are YAML, without the limit of 60 seconds', async () => {
    using folder = new TemporaryFolder()

    const { stdout } = await print(folder, 'traefik', '--port', '8443', '--upstream', 'berth:5000')
    const first = stdout.split('\n').flatMap((line) => (line.startsWith('#   ') ? [line.slice(4)] : []))

    expect(parse(first.join('\n'))).toMatchObject({
      entryPoints: { registry: { address: ':8443', transport: { respondingTimeouts: { readTimeout: '0s' } } } },
    })
    expect(parse(stdout)).toMatchObject({
      http: {
        routers: { registry: { rule: 'Host(`registry.example.com`)', entryPoints: ['registry'], service: 'berth' } },
        services: { berth: { loadBalancer: { servers: [{ url: 'http://berth:5000' }] } } },
      },
      tls: { certificates: [{ certFile: '/etc/traefik/certs/registry.example.com.crt' }] },
    })
  })

  test.each([
    [['nginx', '--host', 'a b'], 'a b is not a host name'],
    [['nginx', '--port', '0'], '0 is not a port'],
    [['nginx', '--upstream', ':5000'], ':5000 is not an address; write it as 127.0.0.1:5000'],
    [['nginx', '--key', '/a;b'], '/a;b has letters that configuration files do not take as they are; choose another path'],
  ])('refuses %j', async (words, sentence) => {
    using folder = new TemporaryFolder()

    expect(await print(folder, ...words)).toMatchObject({ exitCode: 1, stdout: '', stderr: `berth: ${sentence}\n` })
  })
})

async function print(folder: TemporaryFolder, ...words: readonly string[]) {
  return await run([BERTH_PROGRAM, 'proxy-config', ...words], { environment: environmentIn(folder.path) })
}
