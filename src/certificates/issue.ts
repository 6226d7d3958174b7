import 'reflect-metadata'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { isIP } from 'node:net'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'

/** A certificate and its key, as PEM texts. */
export interface Issued {
  readonly certificate: string
  readonly key: string
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY_MS = 86_400_000
/** Clocks differ. */
const BACKDATED_MS = 60 * 60_000
/** Clients are told once which authority to trust. */
export const AUTHORITY_DAYS = 3650
/** Beyond 398 days some clients refuse a certificate. */
export const SERVER_DAYS = 397

/** An authority of its own, for this registry and the clients that are told to trust it. */
export async function createAuthority(name: string, now = new Date()): Promise<Issued> {
  const keys = await generateKeys()
  const certificate = await generate({
    subject: [{ CN: [name] }],
    issuer: [{ CN: [name] }],
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    days: AUTHORITY_DAYS,
    now,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate, key: await exportKey(keys.privateKey) }
}

export interface ServerRequest {
  /** Names and addresses; at least one. */
  readonly hosts: readonly string[]
  /** The key to go on with; a new one when left out. */
  readonly key?: string | undefined
}

/** A certificate for a server with these names and addresses. */
export async function issueServerCertificate(
  authority: Issued,
  { hosts, key }: ServerRequest,
  now = new Date(),
): Promise<Issued> {
  const names = hosts.map((host): JsonGeneralNames[number] => ({ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }))
  const usages = [new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]), new SubjectAlternativeNameExtension(names)]
  return await issue(authority, { commonName: hosts[0] ?? '', key, extensions: usages, now })
}

/** A certificate that a client shows. */
export async function issueClientCertificate(authority: Issued, name: string, now = new Date()): Promise<Issued> {
  const usages = [new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth])]
  return await issue(authority, { commonName: name, key: undefined, extensions: usages, now })
}

interface Request {
  readonly commonName: string
  readonly key: string | undefined
  readonly extensions: readonly Extension[]
  readonly now: Date
}

async function issue(authority: Issued, { commonName, key, extensions, now }: Request): Promise<Issued> {
  const issuer = new X509Certificate(authority.certificate)
  const { publicKey, privateKey } = key === undefined ? await generateKeys() : await importKeys(key)
  const { privateKey: signingKey } = await importKeys(authority.key)
  const certificate = await generate({
    // 64 letters are the most that a common name may have; what counts is the list of names.
    subject: [{ CN: [commonName.slice(0, 64)] }],
    issuer: issuer.subjectName.toJSON(),
    publicKey,
    signingKey,
    days: SERVER_DAYS,
    noLaterThan: issuer.notAfter,
    now,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      ...extensions,
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  })
  return { certificate, key: key ?? (await exportKey(privateKey)) }
}

interface Content {
  readonly subject: { CN: string[] }[]
  readonly issuer: Record<string, string[]>[]
  readonly publicKey: CryptoKey
  readonly signingKey: CryptoKey
  readonly days: number
  readonly noLaterThan?: Date
  readonly now: Date
  readonly extensions: Extension[]
}

async function generate({ days, noLaterThan, now, ...content }: Content): Promise<string> {
  const end = now.getTime() + days * DAY_MS
  const certificate = await X509CertificateGenerator.create({
    ...content,
    serialNumber: serialNumber(),
    notBefore: new Date(now.getTime() - BACKDATED_MS),
    notAfter: new Date(Math.min(end, noLaterThan?.getTime() ?? end)),
    signingAlgorithm: ALGORITHM,
  })
  return `${certificate.toString('pem')}\n`
}

/** 127 random bits: positive, and never zero in front. */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toHex()
}

async function generateKeys(): Promise<CryptoKeyPair> {
  return (await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as CryptoKeyPair
}

async function exportKey(key: CryptoKey): Promise<string> {
  const bytes = await crypto.subtle.exportKey('pkcs8', key)
  return createPrivateKey({ key: Buffer.from(bytes), format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString()
}

async function importKeys(pem: string): Promise<CryptoKeyPair> {
  const key = createPrivateKey(pem)
  const privateBytes = key.export({ format: 'der', type: 'pkcs8' })
  const publicBytes = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return {
    privateKey: await crypto.subtle.importKey('pkcs8', privateBytes, ALGORITHM, true, ['sign']),
    publicKey: await crypto.subtle.importKey('spki', publicBytes, ALGORITHM, true, ['verify']),
  }
}
