import { beforeAll, expect, test } from 'bun:test'
import { readdir, stat, writeFile } from 'node:fs/promises'
import { type BerthProcess, startBerth } from '../support/berth-process.ts'
import { processCounts } from '../support/effort.ts'
import { freePort } from '../support/free-port.ts'
import { GO } from '../support/go-program.ts'
import { Pebble } from '../support/pebble.ts'
import { poll } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const BUILD_MS = 15 * 60_000
const TEST_MS = 300_000
/** Looks at an order come 5, 10 and more seconds apart; one that failed by chance, as the refusals of the test server are, is begun anew after a minute. */
const ORDER_MS = 100_000
const HOSTS = ['registry.example.com', 'images.example.com']

describeWith({ programs: [GO], atOnce: true }, "http.tls.letsencrypt, with Let's Encrypt's test server", () => {
  beforeAll(async () => void (await Pebble.build()), BUILD_MS)

  test.each(processCounts('the order of certificates'))(
    'orders one certificate for each host, and all of %d processes show them',
    async (processes) => {
      using folder = new TemporaryFolder()
      const challengePort = await freePort()
      await using pebble = await Pebble.start(folder, challengePort)
      await using berth = await start(folder, pebble, challengePort, processes)

      for (const host of HOSTS) await showsTrusted(berth, host, await pebble.root(), processes)

      // A certificate is shown as soon as it is there; the line about it may come after that.
      await berth.program.waitForOutput(/(msg="certificate ordered"[\s\S]*){2}/, ORDER_MS)
      expect(berth.program.output.match(/msg="certificate ordered"/g)).toHaveLength(HOSTS.length)
      expect(pebble.output.match(/Issued certificate/g)).toHaveLength(HOSTS.length)
      expect((await readdir(folder.join('acme'))).sort()).toEqual(['acme_account+key', ...HOSTS].sort())
      expect((await stat(folder.join('acme', HOSTS[0] ?? ''))).mode & 0o077).toBe(0)
    },
    TEST_MS,
  )

  test(
    'goes on with what is in the folder after a restart, and sends what comes to port 80 to HTTPS',
    async () => {
      using folder = new TemporaryFolder()
      const challengePort = await freePort()
      await using pebble = await Pebble.start(folder, challengePort)
      const first = await start(folder, pebble, challengePort, 1)
      for (const host of HOSTS) await showsTrusted(first, host, await pebble.root(), 1)
      await first.stop()

      await using second = await start(folder, pebble, challengePort, 1)
      for (const host of HOSTS) await showsTrusted(second, host, await pebble.root(), 1)
      const sentOn = await askPort80(challengePort, '/v2/a/tags/list?n=1', HOSTS[0] ?? '')
      const stranger = await askPort80(challengePort, '/v2/', 'evil.example.com')
      const question = await askPort80(challengePort, '/.well-known/acme-challenge/nobody-asked', HOSTS[0] ?? '')

      expect(second.program.output).not.toContain('ordering a certificate')
      expect([sentOn.status, sentOn.headers.get('location')]).toEqual([308, `https://${HOSTS[0]}/v2/a/tags/list?n=1`])
      expect([stranger.status, question.status]).toEqual([404, 404])
    },
    TEST_MS,
  )

  test(
    'renews one that cannot be used any more while it serves',
    async () => {
      using folder = new TemporaryFolder()
      const challengePort = await freePort()
      await using pebble = await Pebble.start(folder, challengePort)
      await folder.directory('acme')
      await writeFile(folder.join('acme', HOSTS[0] ?? ''), await expiredCertificate(HOSTS[0] ?? ''))
      await using berth = await start(folder, pebble, challengePort, 1)

      for (const host of HOSTS) await showsTrusted(berth, host, await pebble.root(), 1)

      expect(berth.program.output).toContain('certificate has expired, clients refuse it')
    },
    TEST_MS,
  )

  test(
    'serves, and says what is wrong, while nothing can be ordered',
    async () => {
      using folder = new TemporaryFolder()
      const [challengePort, wrongPort] = [await freePort(), await freePort()]
      await using pebble = await Pebble.start(folder, wrongPort)
      await using berth = await start(folder, pebble, challengePort, 1)

      await berth.program.waitForOutput(
        /msg="certificate was not ordered" host=registry\.example\.com retryInSeconds=60/,
        ORDER_MS,
      )
      const answer = await fetch(`${berth.url}/v2/`, { tls: { rejectUnauthorized: false } })

      expect(answer.status).toBe(200)
      // It goes on trying: what the authority asks for may lie there for a moment.
      const kept = (await readdir(folder.join('acme'))).filter((name) => !name.endsWith('+http-01'))
      expect(kept).toEqual(['acme_account+key'])
    },
    TEST_MS,
  )
})

async function start(folder: TemporaryFolder, pebble: Pebble, challengePort: number, processes: number): Promise<BerthProcess> {
  const letsencrypt = {
    cachefile: folder.join('acme'),
    email: 'operator@example.com',
    hosts: HOSTS,
    directoryurl: pebble.directoryUrl,
    challengeaddr: `127.0.0.1:${challengePort}`,
  }
  const variables = { NODE_EXTRA_CA_CERTS: pebble.authority }
  return await startBerth({ folder, tls: { letsencrypt }, variables, processes, expectsFaults: true })
}

/** Waits until a client that trusts only this authority is served under the name, on every new connection. */
async function showsTrusted(berth: BerthProcess, host: string, ca: string, processes: number): Promise<void> {
  const isTrusted = async () => {
    const asked = Array.from({ length: processes * 4 }, () =>
      fetch(`https://127.0.0.1:${berth.port}/v2/`, { keepalive: false, headers: { host }, tls: { ca, serverName: host } }).then(
        ({ status }) => status,
        () => 0,
      ),
    )
    return (await Promise.all(asked)).every((status) => status === 200) ? true : undefined
  }
  await poll(`${host} is trusted`, ORDER_MS, isTrusted).catch((cause: unknown) => {
    throw new Error(`${host} is not trusted:\n${berth.program.output}`, { cause })
  })
}

async function askPort80(port: number, path: string, host: string): Promise<Response> {
  return await fetch(`http://127.0.0.1:${port}${path}`, { headers: { host }, redirect: 'manual' })
}

/** As registry:3 keeps it: the key and the certificate in one file. */
async function expiredCertificate(host: string): Promise<string> {
  const { createAuthority, issueServerCertificate } = await import('../../src/certificates/issue.ts')
  const longAgo = new Date('2020-01-01')
  const { certificate, key } = await issueServerCertificate(await createAuthority('old', longAgo), { hosts: [host] }, longAgo)
  return `${key}${certificate}`
}
