import { describe, expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { startBerth } from '../support/berth-process.ts'
import { clientOf, makeCertificates } from '../support/certificates.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000

describe('client certificates', () => {
  test(
    'that are required let in who shows one of the authority, and nobody else',
    async () => {
      using folder = new TemporaryFolder()
      const server = await makeCertificates(folder)
      const clients = await makeCertificates(folder, 'clients')
      const { certificate, key } = server
      const tls = { certificate, key, clientcas: [clients.authority] }
      await using berth = await startBerth({ folder, processes: 1, tls })

      const known = await berth.fetch('/v2/', server.authority, { tls: await clientOf(clients) })
      const without = await berth.fetch('/v2/', server.authority).then(refusedNot, asRefused)
      const unknown = await berth.fetch('/v2/', server.authority, { tls: await clientOf(server) }).then(refusedNot, asRefused)

      expect(known.status).toBe(200)
      expect([without, unknown]).toEqual(['refused', 'refused'])
      // Lines about requests come late, the last ones when it ends.
      await berth.stop()
      expect(berth.program.output.match(/GET \/v2\//g)).toHaveLength(1)
    },
    TEST_MS,
  )

  test(
    'of several authorities in several files are all let in',
    async () => {
      using folder = new TemporaryFolder()
      const { certificate, key, authority } = await makeCertificates(folder)
      const authorities = await Promise.all(['a', 'b', 'c'].map(async (name) => await makeCertificates(folder, name)))
      const [a, b, c] = await Promise.all(authorities.map(async (paths) => await readFile(paths.authority, 'utf8')))
      const files = [await folder.file('two.pem', `${a}${b}`), await folder.file('one.pem', `${c}`)]
      await using berth = await startBerth({ folder, processes: 1, tls: { certificate, key, clientcas: files } })

      const statuses = await Promise.all(
        authorities.map(async (paths) => (await berth.fetch('/v2/', authority, { tls: await clientOf(paths) })).status),
      )

      expect(statuses).toEqual([200, 200, 200])
    },
    TEST_MS,
  )

  test(
    'that are only asked for let everyone in',
    async () => {
      using folder = new TemporaryFolder()
      const { certificate, key, authority } = await makeCertificates(folder)
      const others = await makeCertificates(folder, 'others')
      const tls = { certificate, key, clientcas: [authority], clientauth: 'request-client-cert' }
      await using berth = await startBerth({ folder, processes: 1, tls })

      const without = await berth.fetch('/v2/', authority)
      const unknown = await berth.fetch('/v2/', authority, { tls: await clientOf(others) })

      expect([without.status, unknown.status]).toEqual([200, 200])
    },
    TEST_MS,
  )

  test(
    'are not asked for by REGISTRY_HTTP_TLS_CLIENTCAS_0, as in registry:2, and a warning says so',
    async () => {
      using folder = new TemporaryFolder()
      const { certificate, key, authority } = await makeCertificates(folder)
      const variables = {
        REGISTRY_HTTP_TLS_CERTIFICATE: certificate,
        REGISTRY_HTTP_TLS_KEY: key,
        REGISTRY_HTTP_TLS_CLIENTCAS_0: authority,
      }
      await using berth = await startBerth({ folder, processes: 1, variables })

      const without = await berth.fetch('/v2/', authority)

      expect(without.status).toBe(200)
      expect(berth.program.output).toMatch(/level=warn .* notice="REGISTRY_HTTP_TLS_CLIENTCAS_0 HAS NO EFFECT/)
    },
    TEST_MS,
  )
})

const asRefused = () => 'refused'
const refusedNot = ({ status }: Response) => status
