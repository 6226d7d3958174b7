/** A certificate or a key that cannot be used. The message is a sentence for the operator, with the file. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError'
}
