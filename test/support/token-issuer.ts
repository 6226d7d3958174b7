import { createPrivateKey, type KeyObject, sign, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { JWK } from 'jose'
import { environmentIn, runToSuccess } from './processes.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

/** How openssl makes a key, and the hash of a signature with it. */
const KINDS = {
  ES256: { options: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'], hash: 'sha256' },
  ES384: { options: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'], hash: 'sha384' },
  RS256: { options: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'], hash: 'sha256' },
  EdDSA: { options: ['-algorithm', 'ED25519'], hash: undefined },
} as const

export type IssuerAlgorithm = keyof typeof KINDS

interface CertifiedOptions {
  /** Who signs the certificate; itself when left out. */
  readonly by?: TokenIssuer
  /** It may sign certificates. */
  readonly isAuthority?: boolean
  readonly days?: number
}

/** Somebody with a key and a certificate who writes tokens, with nothing of Berth's in them: rightly, or as an attacker would. */
export class TokenIssuer {
  readonly algorithm: IssuerAlgorithm
  readonly certificatePath: string
  readonly certificate: X509Certificate
  readonly keyPath: string
  readonly #key: KeyObject

  private constructor(parts: {
    readonly algorithm: IssuerAlgorithm
    readonly certificatePath: string
    readonly certificate: X509Certificate
    readonly keyPath: string
    readonly key: KeyObject
  }) {
    this.algorithm = parts.algorithm
    this.certificatePath = parts.certificatePath
    this.certificate = parts.certificate
    this.keyPath = parts.keyPath
    this.#key = parts.key
  }

  static async create(
    folder: TemporaryFolder,
    algorithm: IssuerAlgorithm,
    { by, isAuthority = by === undefined, days = 30 }: CertifiedOptions = {},
  ): Promise<TokenIssuer> {
    const name = `issuer-${crypto.randomUUID()}`
    const [keyPath, certificatePath] = [folder.join(`${name}.key`), folder.join(`${name}.pem`)]
    const openssl = async (...words: readonly string[]) =>
      await runToSuccess(['openssl', ...words], { environment: environmentIn(folder.join('openssl')) })
    await openssl('genpkey', ...KINDS[algorithm].options, '-out', keyPath)
    const authority = by === undefined ? [] : ['-CA', by.certificatePath, '-CAkey', by.keyPath]
    const extension = ['-addext', `basicConstraints=critical,CA:${isAuthority ? 'TRUE' : 'FALSE'}`]
    const request = ['req', '-x509', '-new', '-key', keyPath, '-subj', `/CN=${name}`, '-days', `${days}`]
    await openssl(...request, ...authority, ...extension, '-config', '/dev/null', '-out', certificatePath)
    const [keyText, certificateText] = [await readFile(keyPath, 'utf8'), await readFile(certificatePath)]
    const certificate = new X509Certificate(certificateText)
    return new TokenIssuer({ algorithm, certificatePath, certificate, keyPath, key: createPrivateKey(keyText) })
  }

  /** Its public key. */
  get jwk(): JWK {
    return this.certificate.publicKey.export({ format: 'jwk' }) as JWK
  }

  /** Its certificate, as a token brings it. */
  get x5c(): string {
    return this.certificate.raw.toString('base64')
  }

  /** A token with this header and these claims, signed with its key. */
  token(header: object, claims: object): string {
    const text = `${encode({ typ: 'JWT', alg: this.algorithm, ...header })}.${encode(claims)}`
    const signature = sign(KINDS[this.algorithm].hash, Buffer.from(text), { key: this.#key, dsaEncoding: 'ieee-p1363' })
    return `${text}.${signature.toString('base64url')}`
  }
}

export function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

/** Seconds since 1970, so many from now. */
export function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1000) + seconds
}
