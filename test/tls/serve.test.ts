import { describe, expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { makeCertificates } from '../support/certificates.ts'
import { environmentIn, run } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000

describe('a registry with a certificate', () => {
  test(
    'speaks HTTPS to clients that trust its authority, and hands that authority out',
    async () => {
      using folder = new TemporaryFolder()
      const { certificate, key, authority } = await makeCertificates(folder)
      await using berth = await startBerth({ folder, processes: 1, tls: { certificate, key } })

      const base = await berth.fetch('/v2/', authority)
      const handedOut = await fetch(`${berth.url}/ca.crt`, { tls: { rejectUnauthorized: false } })

      expect([base.status, await base.json()]).toEqual([200, {}])
      expect(await handedOut.text()).toBe(await readFile(authority, 'utf8'))
      expect(handedOut.headers.get('content-type')).toBe('application/x-pem-file')
      await expect(fetch(`${berth.url}/v2/`)).rejects.toThrow(/certificate/)
    },
    TEST_MS,
  )

  test(
    'that a public authority has signed has none to hand out',
    async () => {
      using folder = new TemporaryFolder()
      const { certificate, key, authority } = await makeCertificates(folder)
      const copies = { certificate: await folder.file('a/b.crt', await readFile(certificate)), key }
      await using berth = await startBerth({ folder, processes: 1, tls: copies })

      const answer = await berth.fetch('/ca.crt', authority)

      expect(answer.status).toBe(404)
    },
    TEST_MS,
  )

  test(
    'does not start with a key of another certificate, and names both files',
    async () => {
      using folder = new TemporaryFolder()
      const { certificate } = await makeCertificates(folder)
      const { key } = await makeCertificates(folder, 'others')

      const start = startBerth({ folder, processes: 1, tls: { certificate, key } })

      await expect(start).rejects.toThrow(`The key in ${key} does not belong to the certificate in ${certificate}.`)
    },
    TEST_MS,
  )

  test(
    'does not start on a port that something else has',
    async () => {
      using folder = new TemporaryFolder()
      const { certificate, key } = await makeCertificates(folder)
      await using berth = await startBerth({ folder, processes: 1, tls: { certificate, key } })
      const address = { REGISTRY_HTTP_ADDR: `127.0.0.1:${berth.port}`, REGISTRY_STORAGE: 'inmemory' }

      const second = startBerth({ folder, processes: 1, tls: { certificate, key }, variables: address })

      await expect(second).rejects.toThrow('The address is in use')
    },
    TEST_MS,
  )

  test(
    'is found healthy by berth health',
    async () => {
      using folder = new TemporaryFolder()
      const { certificate, key, authority } = await makeCertificates(folder)
      const tls = { certificate, key, clientcas: [authority] }
      await using berth = await startBerth({ folder, processes: 1, tls })
      const environment = { ...environmentIn(folder.join('health')), REGISTRY_HTTP_ADDR: `127.0.0.1:${berth.port}` }

      const { stdout } = await run([BERTH_PROGRAM, 'health', berth.config], { environment })

      expect(stdout).toBe(`healthy: https://127.0.0.1:${berth.port} answers\n`)
    },
    TEST_MS,
  )
})

describeWith({ programs: ['curl'] }, 'curl', () => {
  test(
    'is refused below the configured version of TLS',
    async () => {
      using folder = new TemporaryFolder()
      const { certificate, key, authority } = await makeCertificates(folder)
      await using berth = await startBerth({ folder, processes: 1, tls: { certificate, key, minimumtls: 'tls1.3' } })

      const older = await curl(folder, '--tls-max', '1.2', '--cacert', authority, `${berth.url}/v2/`)
      const newer = await curl(folder, '--tlsv1.3', '--cacert', authority, `${berth.url}/v2/`)

      expect([older.exitCode, newer.exitCode]).toEqual([35, 0])
      expect(older.stderr).toContain('alert protocol version')
    },
    TEST_MS,
  )

  test(
    'gets one of the configured cipher suites, or none',
    async () => {
      using folder = new TemporaryFolder()
      const { certificate, key, authority } = await makeCertificates(folder)
      const ciphersuites = ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256']
      await using berth = await startBerth({ folder, processes: 1, tls: { certificate, key, ciphersuites } })
      const by = (cipher: string) =>
        curl(folder, '-v', '--tls-max', '1.2', '--ciphers', cipher, '--cacert', authority, `${berth.url}/v2/`)

      const offered = await by('ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256')
      const other = await by('ECDHE-ECDSA-AES128-GCM-SHA256')

      expect(offered.stderr).toContain('SSL connection using TLSv1.2 / ECDHE-ECDSA-CHACHA20-POLY1305')
      expect(other.exitCode).toBe(35)
    },
    TEST_MS,
  )

  test(
    'speaks HTTP/1.1 although it offers HTTP/2',
    async () => {
      using folder = new TemporaryFolder()
      const { certificate, key, authority } = await makeCertificates(folder)
      await using berth = await startBerth({ folder, processes: 1, tls: { certificate, key } })

      const { stdout } = await curl(
        folder,
        '--http2',
        '-o',
        '/dev/null',
        '-w',
        '%{http_version} %{http_code}',
        '--cacert',
        authority,
        `${berth.url}/v2/`,
      )

      expect(stdout).toBe('1.1 200')
    },
    TEST_MS,
  )
})

async function curl(folder: TemporaryFolder, ...words: readonly string[]) {
  return await run(['curl', '-sS', '--max-time', '20', ...words], { environment: environmentIn(folder.join('curl')) })
}
