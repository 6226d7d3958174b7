import { createHash, createHmac } from 'node:crypto'
import type { S3Credentials } from '../settings.ts'

/** AWS Signature Version 4 for S3, in headers and in the query of presigned URLs. */

export interface Signable {
  readonly method: string
  /** With its query; the path is encoded as `encodePath` does. */
  readonly url: URL
  readonly headers: Headers
  /** Hex SHA-256 of the body, or UNSIGNED_PAYLOAD. */
  readonly payloadHash: string
}

export interface Signer {
  readonly credentials: S3Credentials
  readonly region: string
  readonly at: Date
}

export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD'
const SIGNED = /^(x-amz-.*|content-type|content-md5)$/

/** Adds what the store needs to believe the request. What a proxy on the way may change is not signed. */
export function signHeaders(signable: Signable, signer: Signer): void {
  const { url, headers } = signable
  const at = timestampOf(signer.at)
  headers.set('x-amz-date', at)
  headers.set('x-amz-content-sha256', signable.payloadHash)
  if (signer.credentials.sessionToken !== undefined) headers.set('x-amz-security-token', signer.credentials.sessionToken)
  const { names, canonical } = canonicalOf(signable, encodeQuery(url.searchParams))
  const scope = scopeOf(signer)
  const authorization = `AWS4-HMAC-SHA256 Credential=${signer.credentials.accessKeyId}/${scope}, SignedHeaders=${names}`
  headers.set('authorization', `${authorization}, Signature=${signatureOf(canonical, at, scope, signer)}`)
}

/** A URL that lets its holder do this one thing for a while. */
export function presign(method: string, url: URL, expiresInSeconds: number, signer: Signer): URL {
  return signExpiring({ method, url, headers: new Headers() }, expiresInSeconds, signer)
}

/** The URL of a request that the store refuses when it comes later than that. The request must be sent with these headers. */
export function signExpiring(
  request: Pick<Signable, 'method' | 'url' | 'headers'>,
  expiresInSeconds: number,
  signer: Signer,
): URL {
  return signQuery({ ...request, payloadHash: UNSIGNED_PAYLOAD }, expiresInSeconds, signer)
}

function signQuery(signable: Signable, expiresInSeconds: number, signer: Signer): URL {
  const at = timestampOf(signer.at)
  const scope = scopeOf(signer)
  const signed = new URL(signable.url)
  const set = (name: string, value: string) => signed.searchParams.set(name, value)
  set('X-Amz-Algorithm', 'AWS4-HMAC-SHA256')
  set('X-Amz-Credential', `${signer.credentials.accessKeyId}/${scope}`)
  set('X-Amz-Date', at)
  set('X-Amz-Expires', String(expiresInSeconds))
  if (signer.credentials.sessionToken !== undefined) set('X-Amz-Security-Token', signer.credentials.sessionToken)
  set('X-Amz-SignedHeaders', signedHeaders(signable).names)
  const query = encodeQuery(signed.searchParams)
  signed.search = `${query}&X-Amz-Signature=${signatureOf(canonicalOf(signable, query).canonical, at, scope, signer)}`
  return signed
}

function canonicalOf(signable: Signable, query: string) {
  const { method, url, payloadHash } = signable
  const { names, lines } = signedHeaders(signable)
  return { names, canonical: [method, url.pathname, query, lines, names, payloadHash].join('\n') }
}

function signedHeaders({ url, headers }: Signable) {
  const signed: [string, string][] = [['host', url.host]]
  for (const [name, value] of headers) if (SIGNED.test(name)) signed.push([name, value.trim().replace(/\s+/g, ' ')])
  signed.sort(([left], [right]) => (left < right ? -1 : 1))
  return { names: signed.map(([name]) => name).join(';'), lines: signed.map(([name, value]) => `${name}:${value}\n`).join('') }
}

/** Each segment of a key as S3 signs it: everything but letters, digits and -._~ encoded. */
export function encodePath(path: string): string {
  return path.split('/').map(encodeStrictly).join('/')
}

/** As S3 signs a query: sorted, a space as %20. */
export function encodeQuery(pairs: Iterable<readonly [string, string]>): string {
  return [...pairs]
    .map(([name, value]) => `${encodeStrictly(name)}=${encodeStrictly(value)}`)
    .sort()
    .join('&')
}

export function sha256Of(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** 20261122T083042Z */
function timestampOf(at: Date): string {
  return at.toISOString().replace(/[-:]|\.\d+/g, '')
}

function scopeOf({ region, at }: Signer): string {
  return `${timestampOf(at).slice(0, 8)}/${region}/s3/aws4_request`
}

function signatureOf(canonical: string, at: string, scope: string, { credentials, region }: Signer): string {
  const day = hmac(`AWS4${credentials.secretAccessKey}`, at.slice(0, 8))
  const key = hmac(hmac(hmac(day, region), 's3'), 'aws4_request')
  const text = ['AWS4-HMAC-SHA256', at, scope, sha256Of(canonical)].join('\n')
  return hmac(key, text).toString('hex')
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
