import { expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { ensureCertificate } from '../../src/certificates/certificate-folder.ts'
import { factsOf } from '../../src/certificates/server-certificate.ts'
import { startBerth } from '../support/berth-process.ts'
import { makeCertificates } from '../support/certificates.ts'
import { processCounts } from '../support/effort.ts'
import { poll } from '../support/processes.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 180_000
const RENEWAL_MS = 40_000

test.each(processCounts('the end of a certificate in metrics'))(
  'the metrics of %d process(es) say when the certificate ends, also after it was renewed',
  async (processes) => {
    using folder = new TemporaryFolder()
    const paths = await makeCertificates(folder)
    const variables = { REGISTRY_HTTP_DEBUG_ADDR: '127.0.0.1:0', REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED: 'true' }
    const tls = { certificate: paths.certificate, key: paths.key }
    await using berth = await startBerth({ folder, tls, variables, processes })
    const [, debugUrl = ''] = await berth.program.waitForOutput(/msg="debug server listening" url=(\S+)/, TEST_MS)
    const before = await expiryOf(paths.certificate)

    const shown = await metricFrom(debugUrl)
    // A certificate's times are in whole seconds: the new one must end in another.
    await poll('another second', RENEWAL_MS, async () => {
      await ensureCertificate({ folder: folder.join('certs'), hosts: ['localhost'], always: true })
      return (await expiryOf(paths.certificate)) > before ? true : undefined
    })
    const after = await expiryOf(paths.certificate)

    expect(shown).toBe(`berth_certificate_expiry_timestamp_seconds{host="localhost"} ${before}`)
    await poll('the end of the new certificate', RENEWAL_MS, async () => {
      return (await metricFrom(debugUrl)) === `berth_certificate_expiry_timestamp_seconds{host="localhost"} ${after}` || undefined
    })
  },
  TEST_MS,
)

async function expiryOf(path: string): Promise<number> {
  return factsOf(await readFile(path, 'utf8')).expiresAt.getTime() / 1000
}

async function metricFrom(debugUrl: string): Promise<string | undefined> {
  const text = await (await fetch(`${debugUrl}/metrics`)).text()
  return text.split('\n').find((line) => line.startsWith('berth_certificate'))
}
