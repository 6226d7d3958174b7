import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { getCACertificates } from 'node:tls'
import { describeFileFailure } from '../config/source/file-failure.ts'
import { CertificateError } from './certificate-error.ts'
import { certificatesIn, findPrivateKeyIn } from './pem.ts'

/** What a server shows and proves to be its own, as PEM texts. */
export interface ServerCertificate {
  /** The certificate, then those that lead to the authority. */
  readonly chain: string
  readonly key: string
  /** The authority's own certificate, when it is a private one that is known here. */
  readonly authority: string | undefined
  readonly facts: CertificateFacts
}

export interface CertificateFacts {
  /** The hosts and addresses that it speaks for. */
  readonly names: readonly string[]
  readonly expiresAt: Date
  /** SHA-256, as openssl prints it. */
  readonly fingerprint: string
}

/** Beside the certificate, where people and `berth certificate create` put it. */
const AUTHORITY_FILES = ['ca.crt', 'ca.pem']

/** Reads a certificate and its key, which may be in one file. Throws CertificateError when they cannot serve. */
export async function readServerCertificate(certificatePath: string, keyPath: string): Promise<ServerCertificate> {
  const chain = parseCertificates(await readText(certificatePath), certificatePath)
  const key = findPrivateKeyIn(await readText(keyPath))
  if (key === undefined) throw new CertificateError(`${keyPath} holds no private key in PEM form.`)
  const [own] = chain
  const parsedKey = parseKey(key, keyPath)
  if (!own.checkPrivateKey(parsedKey)) {
    throw new CertificateError(describeMisfit(chain, parsedKey, { certificatePath, keyPath }))
  }
  return {
    chain: chain.map(pemOf).join(''),
    key,
    authority: findRoot(chain) ?? (await findNeighbour(dirname(certificatePath), chain)),
    facts: factsOf(pemOf(own)),
  }
}

interface Paths {
  readonly certificatePath: string
  readonly keyPath: string
}

/** Often the certificates are all there, in the wrong order. */
function describeMisfit(chain: readonly X509Certificate[], key: KeyObject, { certificatePath, keyPath }: Paths): string {
  const fitting = chain.findIndex((certificate) => certificate.checkPrivateKey(key))
  const name = chain[fitting] && nameOf(chain[fitting])
  if (name === undefined) return `The key in ${keyPath} does not belong to the certificate in ${certificatePath}.`
  return (
    `The key in ${keyPath} belongs to certificate ${fitting + 1} of ${chain.length} in ${certificatePath}, that of ${name}; ` +
    'the first one must be its own: put it at the beginning, and those that lead to the authority after it.'
  )
}

function nameOf(certificate: X509Certificate): string {
  const { names } = factsOf(pemOf(certificate))
  return names[0] ?? certificate.subject.replaceAll('\n', ', ')
}

/** The certificates of authorities in a file. Throws CertificateError. */
export async function readAuthorities(path: string): Promise<string[]> {
  return parseCertificates(await readText(path), path).map(pemOf)
}

/** The same beside those that every connection of this process trusts, for connections that are given a list of their own. */
export async function readTrusted(path: string): Promise<string> {
  const own = await readAuthorities(path)
  return [...new Set([...getCACertificates('default'), ...own])].join('\n')
}

/** What a certificate in PEM form says about itself. */
export function factsOf(pem: string): CertificateFacts {
  const certificate = new X509Certificate(pem)
  const names = (certificate.subjectAltName ?? '')
    .split(', ')
    .flatMap((name) => /^(?:DNS|IP Address):(.*)$/.exec(name)?.[1] ?? [])
  return { names, expiresAt: certificate.validToDate, fingerprint: certificate.fingerprint256 }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new CertificateError(`${path} cannot be read: ${describeFileFailure(cause)}.`, { cause })
  }
}

function parseCertificates(text: string, path: string): [X509Certificate, ...X509Certificate[]] {
  try {
    const [first, ...others] = certificatesIn(text).map((block) => new X509Certificate(block))
    if (first !== undefined) return [first, ...others]
  } catch (cause) {
    throw new CertificateError(`${path} holds a certificate that cannot be read: it is damaged or cut off.`, { cause })
  }
  throw new CertificateError(`${path} holds no certificate in PEM form.`)
}

function parseKey(key: string, path: string): KeyObject {
  if (key.includes('ENCRYPTED')) {
    throw new CertificateError(
      `The key in ${path} needs a password; write it without one, as \`openssl pkey -in … -out …\` does.`,
    )
  }
  try {
    return createPrivateKey(key)
  } catch (cause) {
    throw new CertificateError(
      `${path} holds a private key that cannot be read: it is damaged, or of a kind that no server can use.`,
      { cause },
    )
  }
}

function pemOf(certificate: X509Certificate): string {
  return certificate.toString()
}

/** A chain that ends with an authority which vouches for itself carries its own root. */
function findRoot(chain: readonly X509Certificate[]): string | undefined {
  const last = chain.at(-1)
  return last?.ca && last.checkIssued(last) ? pemOf(last) : undefined
}

async function findNeighbour(folder: string, chain: readonly X509Certificate[]): Promise<string | undefined> {
  const last = chain.at(-1)
  for (const name of AUTHORITY_FILES) {
    const text = await readFile(join(folder, name), 'utf8').catch(() => '')
    const authority = certificatesIn(text).flatMap(findCertificate)[0]
    if (authority && last?.checkIssued(authority) && last.verify(authority.publicKey)) return pemOf(authority)
  }
  return undefined
}

/** What lies there by chance is no reason not to serve. */
function findCertificate(block: string): X509Certificate[] {
  try {
    return [new X509Certificate(block)]
  } catch {
    return []
  }
}
