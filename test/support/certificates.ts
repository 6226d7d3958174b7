import { readFile } from 'node:fs/promises'
import { ensureCertificate, pathsIn } from '../../src/certificates/certificate-folder.ts'
import { issueClientCertificate } from '../../src/certificates/issue.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

/** A folder as `berth certificate create` makes it, for localhost and 127.0.0.1; gives the paths of its files. */
export async function makeCertificates(folder: TemporaryFolder, name = 'certs') {
  await ensureCertificate({ folder: folder.join(name), hosts: ['localhost', '127.0.0.1'] })
  return pathsIn(folder.join(name))
}

/** What a client shows that the authority of such a folder vouches for. */
export async function clientOf(paths: { readonly authority: string; readonly authorityKey: string }) {
  const authority = { certificate: await readFile(paths.authority, 'utf8'), key: await readFile(paths.authorityKey, 'utf8') }
  const { certificate, key } = await issueClientCertificate(authority, 'builder')
  return { cert: certificate, key }
}
