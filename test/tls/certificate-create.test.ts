import { describe, expect, test } from 'bun:test'
import { readdir, readFile, stat } from 'node:fs/promises'
import { ensureCertificate, pathsIn } from '../../src/certificates/certificate-folder.ts'
import { factsOf } from '../../src/certificates/server-certificate.ts'
import { startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { processCounts } from '../support/effort.ts'
import { environmentIn, type Outcome, run, runToSuccess } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000
const CREATE = ['certificate', 'create', '--host', 'registry.example.com', '--ip', '10.0.0.1']

describe('berth certificate create', () => {
  test(
    'makes an authority and a certificate, and says how to go on',
    async () => {
      using folder = new TemporaryFolder()

      const { exitCode, stdout } = await berth(folder, ...CREATE)

      expect(exitCode).toBe(0)
      expect(stdout).toContain('Made the certificate certs/registry.crt for registry.example.com, 10.0.0.1, valid until ')
      expect(stdout).toContain(`certificate: ${folder.join('certs/registry.crt')}, key: ${folder.join('certs/registry.key')}`)
      expect((await readdir(folder.path)).filter((name) => name.includes('certs'))).toEqual(['certs'])
      expect((await readdir(folder.join('certs'))).sort()).toEqual(['ca.crt', 'ca.key', 'registry.crt', 'registry.key'])
      for (const key of ['ca.key', 'registry.key']) expect((await stat(folder.join('certs', key))).mode & 0o777).toBe(0o600)
    },
    TEST_MS,
  )

  test(
    'keeps what is there, and renews the certificate alone when a name is missing or when told',
    async () => {
      using folder = new TemporaryFolder()
      await berth(folder, ...CREATE)
      const before = await texts(folder)

      const again = await berth(folder, ...CREATE)
      const unchanged = await texts(folder)
      const named = await berth(folder, 'certificate', 'create', '--host', 'other.example.com')
      const withName = await texts(folder)
      const forced = await berth(folder, ...CREATE, '--renew')
      const renewed = await texts(folder)

      expect(again.stdout).toMatch(/^Kept the authority .*\nKept the certificate /)
      expect(unchanged).toEqual(before)
      expect(named.stdout).toContain(
        'Renewed the certificate certs/registry.crt for other.example.com, registry.example.com, 10.0.0.1,',
      )
      expect(forced.stdout).toContain('Renewed the certificate')
      for (const after of [withName, renewed]) {
        expect(Object.keys(after).filter((name) => after[name] !== before[name])).toEqual(['registry.crt'])
      }
    },
    TEST_MS,
  )

  test.each([
    [
      ['--host', 'registry.example.com:5000'],
      'registry.example.com:5000 is not a host name; addresses go to --ip, and no port belongs to either',
    ],
    [['--host', '10.0.0.1'], '10.0.0.1 is not a host name; addresses go to --ip, and no port belongs to either'],
    [['--ip', 'registry'], 'registry is not an IP address; names go to --host'],
    [[], 'say what clients call the registry: --host registry.example.com or --ip 10.0.0.1'],
  ])(
    'refuses %j',
    async (words, sentence) => {
      using folder = new TemporaryFolder()

      expect(await berth(folder, 'certificate', 'create', ...words)).toMatchObject({
        exitCode: 1,
        stderr: `berth: ${sentence}\n`,
      })
    },
    TEST_MS,
  )

  test(
    'does not make a second authority when the key of the first is missing',
    async () => {
      using folder = new TemporaryFolder()
      await folder.file('certs/ca.crt', 'somebody’s')

      const { exitCode, stderr } = await berth(folder, ...CREATE)

      expect(exitCode).toBe(1)
      expect(stderr).toContain('ca.crt is there without its key')
    },
    TEST_MS,
  )
})

describe('a certificate in its folder', () => {
  test('is renewed in the last third of its life, with the same key', async () => {
    using folder = new TemporaryFolder()
    const request = { folder: folder.join('certs'), hosts: ['localhost'] }
    const at = (day: number) => ({ ...request, now: new Date(Date.UTC(2030, 0, day)) })

    const made = await ensureCertificate(at(1))
    const kept = await ensureCertificate(at(260))
    const renewed = await ensureCertificate(at(270))

    expect([made.server, kept.server, renewed.server]).toEqual(['made', 'kept', 'renewed'])
    expect(renewed.certificate.key).toBe(made.certificate.key)
    expect(renewed.certificate.facts.expiresAt > made.certificate.facts.expiresAt).toBe(true)
    expect(renewed.certificate.authority).toBe(made.certificate.authority)
  })

  test('never outlives its authority', async () => {
    using folder = new TemporaryFolder()
    const request = { folder: folder.join('certs'), hosts: ['localhost'] }
    await ensureCertificate({ ...request, now: new Date('2030-01-01') })

    const { certificate } = await ensureCertificate({ ...request, always: true, now: new Date('2039-10-01') })

    expect(certificate.facts.expiresAt).toEqual(factsOf(certificate.authority ?? '').expiresAt)
  })

  test('that many make at once is one', async () => {
    using folder = new TemporaryFolder()
    const request = { folder: folder.join('a/certs'), hosts: ['localhost'] }

    const outcomes = await Promise.all(Array.from({ length: 8 }, async () => await ensureCertificate(request)))

    expect(new Set(outcomes.map(({ certificate }) => certificate.facts.fingerprint)).size).toBe(1)
    expect(await readdir(folder.join('a'))).toEqual(['certs'])
  })
})

describeWith({ programs: ['openssl'] }, 'openssl', () => {
  test(
    'accepts the certificates, strictly read',
    async () => {
      using folder = new TemporaryFolder()
      await berth(folder, ...CREATE, '--ip', '::1', '--host', '*.example.com')
      const { authority, certificate } = pathsIn(folder.join('certs'))
      const options = { environment: environmentIn(folder.path) }
      const verify = ['openssl', 'verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', authority]

      const strict = await runToSuccess(
        [...verify, '-verify_hostname', 'registry.example.com', '-verify_ip', '10.0.0.1', certificate],
        options,
      )
      const stranger = await run([...verify, '-verify_hostname', 'registry.example.org', certificate], options)
      const shown = await runToSuccess(['openssl', 'x509', '-in', certificate, '-noout', '-text'], options)

      expect(strict).toBe(`${certificate}: OK\n`)
      expect(stranger.exitCode).not.toBe(0)
      expect(shown).toContain('NIST CURVE: P-256')
      expect(shown).toContain('DNS:registry.example.com, DNS:*.example.com, IP Address:10.0.0.1, IP Address:0:0:0:0:0:0:0:1')
      expect(shown).toContain('TLS Web Server Authentication')
    },
    TEST_MS,
  )
})

describe('berth serve --tls self-signed', () => {
  test.each(processCounts('certificates that are made at the start'))(
    'makes its certificates on the first start and keeps them, with %d process(es)',
    async (processes) => {
      using folder = new TemporaryFolder()
      const words = ['--tls', 'self-signed']
      const paths = pathsIn(folder.join('data/berth/tls'))
      const first = await startBerth({ folder, words, processes })
      const made = await first.shownFingerprint()
      await first.stop()

      await using second = await startBerth({ folder, words, processes })
      const shown = await Promise.all(Array.from({ length: 6 }, () => second.shownFingerprint()))
      const answer = await second.fetch('/v2/', paths.authority)
      const handedOut = await second.fetch('/ca.crt', paths.authority)

      expect(new Set(shown)).toEqual(new Set([made]))
      expect(answer.status).toBe(200)
      expect(await handedOut.text()).toBe(await readFile(paths.authority, 'utf8'))
      expect(second.program.output).toContain(`fingerprint=${made}`)
    },
    TEST_MS,
  )
})

async function berth(folder: TemporaryFolder, ...words: readonly string[]): Promise<Outcome> {
  return await run([BERTH_PROGRAM, ...words], { environment: environmentIn(folder.join('env')), cwd: folder.path })
}

async function texts(folder: TemporaryFolder): Promise<Record<string, string>> {
  const names = await readdir(folder.join('certs'))
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(folder.join('certs', name), 'utf8')] as const)),
  )
}
