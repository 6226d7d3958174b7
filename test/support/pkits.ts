import vectors from './pkits.json' with { type: 'json' }

/** One certification path of NIST's test suite: DER in base64, from the leaf up, without the root. */
export interface CertificationPath {
  readonly name: string
  readonly isValid: boolean
  readonly x5c: readonly string[]
  /** Of the leaf: PKCS #8 in base64, where the path is shown in a handshake, too. */
  readonly key: string | undefined
}

export const PKITS_ROOT = Buffer.from(vectors.root, 'base64')

/** Those of the sections about signatures, times, names, constraints, key usages, policies and critical extensions; not of revocations. */
export const PKITS_PATHS: readonly CertificationPath[] = vectors.paths.map(({ name, isValid, certificates, key }) => ({
  name,
  isValid,
  x5c: certificates.map((index) => vectors.certificates[index] ?? ''),
  key,
}))
