import { RegistryError } from './errors.ts'

/** `<algorithm>:<lower-case hex>`, of an algorithm that we can compute. Made by `parseDigest` alone. */
export type Digest = string & { readonly digest: unique symbol }

export type DigestAlgorithm = 'sha256' | 'sha512'

const HEX_LENGTHS: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128 }
export const DIGEST_ALGORITHMS: readonly DigestAlgorithm[] = ['sha256', 'sha512']

/** The digest in a text, or undefined: for links and rows, where 'not one' is an answer. */
export function findDigest(text: string): Digest | undefined {
  const colon = text.indexOf(':')
  const algorithm = findDigestAlgorithm(text.slice(0, colon))
  if (algorithm === undefined) return undefined
  const hex = text.slice(colon + 1)
  return hex.length === HEX_LENGTHS[algorithm] && /^[0-9a-f]+$/.test(hex) ? (text as Digest) : undefined
}

/** Throws DIGEST_INVALID. */
export function parseDigest(text: string): Digest {
  const digest = findDigest(text)
  if (digest === undefined) throw new RegistryError('DIGEST_INVALID', { detail: text.slice(0, 200) })
  return digest
}

/** Throws DIGEST_INVALID (distribution-spec end-4c). */
export function parseDigestAlgorithm(text: string): DigestAlgorithm {
  const algorithm = findDigestAlgorithm(text)
  if (algorithm !== undefined) return algorithm
  throw new RegistryError('DIGEST_INVALID', {
    message: 'The digest algorithm is not supported; use sha256 or sha512.',
    detail: text.slice(0, 200),
  })
}

export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha256:') ? 'sha256' : 'sha512'
}

export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1)
}

export function digestOf(algorithm: DigestAlgorithm, bytes: Uint8Array): Digest {
  return `${algorithm}:${new Bun.CryptoHasher(algorithm).update(bytes).digest('hex')}` as Digest
}

/** True for the digest of no bytes at all: the only digest under which an empty file is whole. */
export function isDigestOfNothing(digest: Digest): boolean {
  return digest === DIGESTS_OF_NOTHING[algorithmOf(digest)]
}

/**
 * Hashes a stream. Bun's hasher resets silently when it is asked twice, so `digest` works on a copy and may be asked at any
 * time; updates may go on after it.
 */
export class RunningDigest {
  readonly algorithm: DigestAlgorithm
  readonly #hasher: Bun.CryptoHasher

  constructor(algorithm: DigestAlgorithm) {
    this.algorithm = algorithm
    this.#hasher = new Bun.CryptoHasher(algorithm)
  }

  update(bytes: Uint8Array): void {
    this.#hasher.update(bytes)
  }

  digest(): Digest {
    return `${this.algorithm}:${this.#hasher.copy().digest('hex')}` as Digest
  }
}

function findDigestAlgorithm(text: string): DigestAlgorithm | undefined {
  return text === 'sha256' || text === 'sha512' ? text : undefined
}

const DIGESTS_OF_NOTHING: Readonly<Record<DigestAlgorithm, Digest>> = {
  sha256: digestOf('sha256', new Uint8Array()),
  sha512: digestOf('sha512', new Uint8Array()),
}
