import { hostname, networkInterfaces } from 'node:os'
import { ensureCertificate, pathsIn } from './certificate-folder.ts'
import { type CertificateStore, givenCertificate } from './certificate-store.ts'

const CHECK_EVERY_MS = 60 * 60_000

/** A folder in which Berth makes and renews the certificate itself, for this machine under all its names and for `hosts`. */
export function selfSignedCertificate(folder: string, hosts: readonly string[]): CertificateStore {
  const { certificate, key } = pathsIn(folder)
  const store = givenCertificate(certificate, key)
  let checkedAt = -CHECK_EVERY_MS
  return {
    ...store,
    prepare: async () => {
      if (performance.now() - checkedAt < CHECK_EVERY_MS) return
      checkedAt = performance.now()
      await ensureCertificate({ folder, hosts: [...new Set([...hosts, ...namesOfThisMachine()])] })
    },
  }
}

/** Addresses that only mean something together with an interface are left out. */
function namesOfThisMachine(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((found) => found ?? [])
  const reachable = addresses.filter(({ address }) => !address.startsWith('fe80:')).map(({ address }) => address)
  return [hostname(), 'localhost', '127.0.0.1', '::1', ...reachable]
}
