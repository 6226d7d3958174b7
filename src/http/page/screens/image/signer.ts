import { X509Certificate } from 'node:crypto'
import type { Annotations } from '../../../../oci/descriptor.ts'
import { shownText } from '../../../../oci/image/shown-text.ts'

const MAX_CERTIFICATE = 16 * 1024
const MAX_NAME = 200

/** The name in the certificate that cosign puts beside a signature. It is not verified: the registry knows no roots to trust. */
export function signerOf(annotations: Annotations | undefined): string | undefined {
  const name = 'dev.sigstore.cosign/certificate'
  const text = annotations !== undefined && Object.hasOwn(annotations, name) ? (annotations[name] ?? '') : ''
  if (text === '' || text.length > MAX_CERTIFICATE) return undefined
  const certificate = parseCertificate(text)
  return certificate && (shownText(certificate.subjectAltName ?? certificate.subject ?? '', MAX_NAME) || undefined)
}

function parseCertificate(text: string): X509Certificate | undefined {
  try {
    return new X509Certificate(text)
  } catch (error) {
    // Whatever an image says of itself was written by a stranger: what cannot be read is not shown.
    if (error instanceof Error) return undefined
    throw error
  }
}
