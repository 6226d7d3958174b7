import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { X509Certificate } from 'node:crypto'
import { type BerthProcess, startBerth } from '../support/berth-process.ts'
import { makeCertificates } from '../support/certificates.ts'
import { PKITS_PATHS, PKITS_ROOT } from '../support/pkits.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const SHOWN = PKITS_PATHS.filter(({ key }) => key !== undefined)

describe('a client that shows a certification path of NIST (PKITS)', () => {
  const resources = new AsyncDisposableStack()
  let berth: BerthProcess
  let authority: string

  beforeAll(async () => {
    const folder = resources.use(new TemporaryFolder())
    const paths = await makeCertificates(folder)
    const { certificate, key } = paths
    authority = paths.authority
    const clientcas = [await folder.file('pkits.pem', new X509Certificate(PKITS_ROOT).toString())]
    berth = resources.use(await startBerth({ folder, processes: 1, tls: { certificate, key, clientcas } }))
  })
  afterAll(async () => await resources.disposeAsync())

  test.each(SHOWN.map(({ name, isValid, x5c, key }) => [name, isValid ? 200 : 'refused', x5c, key] as const))(
    '%s: %s',
    async (_, expected, x5c, key) => {
      const cert = x5c.map((der) => new X509Certificate(Buffer.from(der, 'base64')).toString()).join('')
      const shown = { cert, key: `-----BEGIN PRIVATE KEY-----\n${key?.replace(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n` }

      const answer = await berth.fetch('/v2/', authority, { tls: shown }).then(
        ({ status }) => status,
        () => 'refused' as const,
      )

      expect(answer).toBe(expected)
    },
  )

  test('is tried with paths of either kind', () => {
    expect(SHOWN.filter(({ isValid }) => isValid)).toHaveLength(9)
    expect(SHOWN.filter(({ isValid }) => !isValid)).toHaveLength(17)
  })
})
