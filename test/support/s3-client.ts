import { createHash, createHmac } from 'node:crypto'

/** Where a bucket is and who may use it. */
export interface S3Place {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string
  readonly region: string
  readonly accessKey: string
  readonly secretKey: string
  readonly bucket: string
}

export interface S3Request {
  readonly method: string
  /** Below the bucket; the bucket itself when left out. */
  readonly key?: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  readonly signal?: AbortSignal
  /** When it is signed; now when left out. */
  readonly at?: Date
}

/** Signed requests as any program sends them (AWS signature 4, path style), and nothing behind them: no retry, no redirect. */
export class S3Client {
  readonly place: S3Place

  constructor(place: S3Place) {
    this.place = place
  }

  async send({ method, key, query = {}, headers = {}, body, signal, at = new Date() }: S3Request): Promise<Response> {
    const path = [this.place.bucket, ...(key === undefined ? [] : key.split('/'))].map(encode).join('/')
    const url = new URL(`${this.place.endpoint}/${path}`)
    url.search = queryText(query)
    const signed = this.#sign(method, url, { ...headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', 'x-amz-date': stamp(at) })
    return await fetch(url, {
      method,
      headers: signed,
      redirect: 'manual',
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : body.slice() }),
      ...(signal === undefined ? {} : { signal }),
    })
  }

  /** The body of an answer that must be a success. Throws with the body when it is not. */
  async sendToSuccess(request: S3Request): Promise<string> {
    const response = await this.send(request)
    const text = await response.text()
    if (!response.ok) throw new Error(`${request.method} ${request.key ?? ''} answered ${response.status}: ${text}`)
    return text
  }

  async put(key: string, body: Uint8Array | string): Promise<void> {
    await this.sendToSuccess({ method: 'PUT', key, body })
  }

  /** The keys that begin so, as one page of a list shows them. */
  async list(prefix: string): Promise<readonly string[]> {
    return elementsOf(await this.sendToSuccess({ method: 'GET', query: { 'list-type': '2', prefix } }), 'Key')
  }

  #sign(method: string, url: URL, headers: Readonly<Record<string, string>>): Record<string, string> {
    const { region, accessKey, secretKey } = this.place
    const all: Record<string, string> = { ...headers, host: url.host }
    const names = Object.keys(all).sort()
    const time = all['x-amz-date'] ?? ''
    const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`
    const canonical = [
      ...[method, url.pathname, url.search.slice(1), ...names.map((name) => `${name}:${all[name]?.trim()}`)],
      ...['', names.join(';'), 'UNSIGNED-PAYLOAD'],
    ].join('\n')
    const key = [time.slice(0, 8), region, 's3', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secretKey}`)
    const signature = hmac(key, ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n')).toString('hex')
    const authorization = `AWS4-HMAC-SHA256 Credential=${accessKey}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`
    return { ...headers, authorization }
  }
}

/** What stands between `<name>` and `</name>`, each time. The answers of stores have no names with prefixes or attributes. */
export function elementsOf(xml: string, name: string): readonly string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map((match) => match[1] ?? '')
}

function queryText(query: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`)
  return pairs.sort().join('&')
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}

function stamp(date: Date): string {
  return `${date.toISOString().replace(/[-:]/g, '').slice(0, 15)}Z`
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
