import type { Multipart, UploadedPart } from '../upload-ledger.ts'
import { type ObjectFacts, type OpenedObject, openObject, sizeOf } from './object-stream.ts'
import { S3Client, type S3ClientOptions, type S3Request } from './requests/s3-client.ts'
import { S3Error, unusableAnswer } from './requests/s3-error.ts'
import { encodePath } from './requests/signature.ts'
import { elementsOf, encoded, parseXml, textOf, type XmlElement } from './requests/xml.ts'
import type { S3Settings } from './settings.ts'

export interface ListedObject {
  readonly key: string
  readonly size: number
  readonly etag: string
  readonly changedAtMs: number
}

export interface ListPage {
  readonly objects: readonly ListedObject[]
  /** Common beginnings of keys up to the delimiter, with it. */
  readonly prefixes: readonly string[]
  readonly next: string | undefined
}

interface InTime {
  /** Sent only while this machine holds the storage: see `guard`. */
  readonly isGuarded: boolean
}

/** Putting an upload together takes some stores minutes. */
const COMPLETE_TIMEOUT_MS = 120_000
const COPY_TIMEOUT_MS = 60_000
/** While a client still sends its bytes, it waits for no answer. */
const UPLOADING_PATIENCE_MS = 90_000

/** The requests of S3 that Berth makes, one method each. Keys are whole. What is absent is undefined; all else throws S3Error. */
export class Bucket {
  readonly #client: S3Client
  readonly #settings: S3Settings

  constructor(options: S3ClientOptions) {
    this.#client = new S3Client(options)
    this.#settings = options.settings
  }

  async head(key: string): Promise<ObjectFacts | undefined> {
    const response = await this.#findObject({ method: 'HEAD', key })
    if (response === undefined) return undefined
    const { headers } = response
    return {
      size: sizeOf(response),
      etag: headers.get('etag') ?? '',
      changedAtMs: Date.parse(headers.get('last-modified') ?? '') || 0,
    }
  }

  /** Bytes from `start` up to `end`, resumed where the store breaks off; all of them when left out. */
  async open(key: string, range?: { readonly start: number; readonly end: number }): Promise<OpenedObject | undefined> {
    const ask = (headers: Record<string, string>) => this.#findObject({ method: 'GET', key, headers, isStreamed: true })
    return await openObject(ask, { range, stallMs: this.#settings.stallMs })
  }

  /**
   * As `put`, for an object that others may change next. The signature of each attempt expires after seconds, so that the store refuses an
   * attempt which the network delivers late: it could undo the later change. When this resolves or throws, every attempt has been
   * answered or has expired. Throws StillUnderWayError where a store that does not check expiry may still do one.
   */
  async putInTime(key: string, body: Uint8Array, { isGuarded }: InTime): Promise<void> {
    await this.#client.sendForText({ method: 'PUT', key, headers: this.#newObjectHeaders(), body, expires: true, isGuarded })
  }

  /** As `delete`, in the way of `putInTime`. */
  async deleteInTime(key: string, { isGuarded }: InTime): Promise<void> {
    await this.#delete({ method: 'DELETE', key, expires: true, isGuarded })
  }

  /** Writes an object. The request names its digest: some stores would otherwise show an object of which only a part has arrived. */
  async put(key: string, body: Uint8Array | Blob): Promise<void> {
    await this.#client.sendForText({ method: 'PUT', key, headers: this.#newObjectHeaders(), body, isWhole: true })
  }

  async delete(key: string): Promise<void> {
    await this.#delete({ method: 'DELETE', key })
  }

  async #delete(request: S3Request): Promise<void> {
    try {
      await this.#client.sendForText(request)
    } catch (error) {
      if (!(error instanceof S3Error && error.isMissing)) throw error
    }
  }

  /** One page of keys that begin with a prefix, in byte order. */
  async list(prefix: string, options: { delimiter?: '/'; after?: string; limit?: number } = {}): Promise<ListPage> {
    const { delimiter, after, limit } = options
    const query: Record<string, string> = { 'list-type': '2', prefix }
    if (delimiter !== undefined) query.delimiter = delimiter
    if (after !== undefined) query['continuation-token'] = after
    if (limit !== undefined) query['max-keys'] = String(limit)
    const xml = await this.#client.sendForText({ method: 'GET', key: '', query, confirmedBy: '</ListBucketResult>' })
    const page = parsed(xml)
    const isTruncated = textOf(page, 'IsTruncated') === 'true'
    const next = isTruncated ? textOf(page, 'NextContinuationToken') : undefined
    if (isTruncated && next === undefined) throw unusableAnswer('cut a list off and did not say how to go on')
    return {
      objects: elementsOf(page, 'Contents').map(listedObject),
      prefixes: elementsOf(page, 'CommonPrefixes').flatMap((entry) => textOf(entry, 'Prefix') ?? []),
      next,
    }
  }

  /** Every key that begins with a prefix. */
  async *listAll(prefix: string): AsyncGenerator<ListedObject> {
    let after: string | undefined
    do {
      const page = await this.list(prefix, after === undefined ? {} : { after })
      yield* page.objects
      after = page.next
    } while (after !== undefined)
  }

  /** In one request, within the store, up to 5 GiB. False when the source is absent. */
  async copy(from: string, to: string): Promise<boolean> {
    const headers = { ...this.#newObjectHeaders(), 'x-amz-copy-source': this.#copySource(from) }
    const request = { method: 'PUT', key: to, headers, timeoutMs: COPY_TIMEOUT_MS, confirmedBy: 'CopyObjectResult' } as const
    return (await this.#unlessMissing(() => this.#client.sendForText(request))) !== undefined
  }

  /** An attempt that failed may have begun one as well. */
  async createMultipart(key: string, onFailedAttempt: () => void = () => undefined): Promise<Multipart> {
    const [headers, patienceMs] = [this.#newObjectHeaders(), UPLOADING_PATIENCE_MS]
    const request = { method: 'POST', key, query: { uploads: '' }, headers, patienceMs, onFailedAttempt } as const
    const uploadId = textOf(parsed(await this.#client.sendForText(request)), 'UploadId')
    if (uploadId === undefined) throw unusableAnswer('began a multipart upload and did not say which')
    return { key, uploadId }
  }

  async uploadPart({ key, uploadId }: Multipart, number: number, body: Uint8Array | Blob): Promise<UploadedPart> {
    const query = { partNumber: String(number), uploadId }
    const response = await this.#client.send({ method: 'PUT', key, query, body, patienceMs: UPLOADING_PATIENCE_MS })
    await response.body?.cancel()
    const etag = response.headers.get('etag')
    if (etag === null) throw unusableAnswer('took a part and gave no ETag for it')
    return { number, etag }
  }

  /** Undefined when the source is absent. */
  async copyPart(multipart: Multipart, number: number, from: string, range: { start: number; end: number }) {
    const { key, uploadId } = multipart
    const headers = {
      'x-amz-copy-source': this.#copySource(from),
      'x-amz-copy-source-range': `bytes=${range.start}-${range.end - 1}`,
    }
    const query = { partNumber: String(number), uploadId }
    return await this.#unlessMissing(async (): Promise<UploadedPart> => {
      const xml = await this.#client.sendForText({ method: 'PUT', key, query, headers, timeoutMs: COPY_TIMEOUT_MS })
      const etag = textOf(parsed(xml), 'ETag')
      if (etag === undefined) throw unusableAnswer('copied a part and gave no ETag for it')
      return { number, etag }
    })
  }

  /**
   * Makes the object of `size` bytes from its parts. An attempt whose answer was lost may have done it, and the next one then hears
   * that there is no such upload: the object itself tells.
   */
  async complete({ key, uploadId }: Multipart, parts: readonly UploadedPart[], size: number): Promise<void> {
    const list = parts.map(({ number, etag }) => `<Part><PartNumber>${number}</PartNumber><ETag>${encoded(etag)}</ETag></Part>`)
    const body = new TextEncoder().encode(`<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`)
    const headers = { 'content-type': 'application/xml' }
    const [timeoutMs, confirmedBy] = [COMPLETE_TIMEOUT_MS, 'CompleteMultipartUploadResult']
    try {
      await this.#client.sendForText({ method: 'POST', key, query: { uploadId }, headers, body, timeoutMs, confirmedBy })
    } catch (error) {
      if (!(error instanceof S3Error) || !(error.isUploadUnknown || error.isPassing)) throw error
      if ((await this.head(key))?.size !== size) throw error
    }
  }

  /** An upload that is not there any more is a success. */
  async abort({ key, uploadId }: Multipart): Promise<void> {
    try {
      await this.#client.sendForText({ method: 'DELETE', key, query: { uploadId } })
    } catch (error) {
      if (!(error instanceof S3Error && (error.isUploadUnknown || error.isMissing))) throw error
    }
  }

  /** Multipart uploads that were never ended, of keys that begin with a prefix. Nothing where the store cannot tell. */
  async listMultiparts(prefix: string): Promise<readonly (Multipart & { readonly beganAtMs: number })[]> {
    const found: (Multipart & { readonly beganAtMs: number })[] = []
    let query: Record<string, string> | undefined = { uploads: '', prefix }
    try {
      while (query !== undefined) {
        const page = parsed(await this.#client.sendForText({ method: 'GET', key: '', query }))
        found.push(...elementsOf(page, 'Upload').map(listedMultipart))
        query = nextOfMultiparts(page, query)
      }
      return found
    } catch (error) {
      if (error instanceof S3Error && error.isUnsupported) return []
      throw error
    }
  }

  async presign(method: 'GET' | 'HEAD', key: string, expiresInSeconds: number): Promise<URL> {
    return await this.#client.presign(method, key, expiresInSeconds)
  }

  /**
   * Whether the store checks the expiry of signatures, asked with a DELETE of `key` that has expired already. Where it does not, `key` is gone,
   * and `putInTime` and `deleteInTime` count with longer delays from then on.
   */
  async refusesLate(key: string): Promise<boolean> {
    try {
      await this.#delete({ method: 'DELETE', key, expires: 'expired' })
    } catch (error) {
      if (error instanceof S3Error && error.status === 403) return true
      throw error
    }
    this.#client.waitForLate()
    return false
  }

  /** For how long the store may still do what `putInTime` and `deleteInTime` asked when they had no answer. */
  get lateMs(): number {
    return this.#client.lateMs
  }

  /** From now on a failed request is repeated for a second at most: the process stops. */
  hurry(): void {
    this.#client.hurry()
  }

  /** From now on requests with `isGuarded` are sent only while `mayChange` is true: no other machine has taken over the storage. */
  guard(mayChange: () => boolean): void {
    this.#client.guard(mayChange)
  }

  /** The store's clock, as its last answer showed it. */
  storeTimeMs(): number {
    return this.#client.storeTimeMs() ?? Date.now()
  }

  async #findObject(request: S3Request): Promise<Response | undefined> {
    return await this.#unlessMissing(() => this.#client.send(request))
  }

  async #unlessMissing<Result>(ask: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await ask()
    } catch (error) {
      if (error instanceof S3Error && error.isMissing) return undefined
      throw error
    }
  }

  #copySource(key: string): string {
    return `/${encodePath(this.#settings.bucket)}/${encodePath(key)}`
  }

  #newObjectHeaders(): Record<string, string> {
    const { encrypt, keyId, storageClass, objectAcl } = this.#settings
    const headers: Record<string, string> = { 'content-type': 'application/octet-stream' }
    if (objectAcl !== undefined) headers['x-amz-acl'] = objectAcl
    if (storageClass !== undefined) headers['x-amz-storage-class'] = storageClass
    if (encrypt) headers['x-amz-server-side-encryption'] = keyId === undefined ? 'AES256' : 'aws:kms'
    if (encrypt && keyId !== undefined) headers['x-amz-server-side-encryption-aws-kms-key-id'] = keyId
    return headers
  }
}

/** Throws S3Error for a body that is cut, or none of S3. */
function parsed(xml: string): XmlElement {
  const root = parseXml(xml)
  if (root === undefined) throw unusableAnswer('sent XML that cannot be read')
  return root
}

function listedObject(entry: XmlElement): ListedObject {
  const [key, size] = [textOf(entry, 'Key'), textOf(entry, 'Size')]
  if (key === undefined || size === undefined || !/^\d+$/.test(size))
    throw unusableAnswer('listed an object without its key or size')
  const changedAtMs = Date.parse(textOf(entry, 'LastModified') ?? '')
  return { key, size: Number(size), etag: textOf(entry, 'ETag') ?? '', changedAtMs }
}

function listedMultipart(entry: XmlElement): Multipart & { readonly beganAtMs: number } {
  const [key, uploadId] = [textOf(entry, 'Key'), textOf(entry, 'UploadId')]
  if (key === undefined || uploadId === undefined) throw unusableAnswer('listed a multipart upload without its key or id')
  return { key, uploadId, beganAtMs: Date.parse(textOf(entry, 'Initiated') ?? '') }
}

/** What asks for the page after this one; undefined: it was the last one, or the store does not say how to go on. */
function nextOfMultiparts(page: XmlElement, query: Readonly<Record<string, string>>): Record<string, string> | undefined {
  const [key, uploadId] = [textOf(page, 'NextKeyMarker'), textOf(page, 'NextUploadIdMarker')]
  const isLast = textOf(page, 'IsTruncated') !== 'true' || key === undefined || key === ''
  if (isLast || (key === query['key-marker'] && uploadId === query['upload-id-marker'])) return undefined
  return { ...query, 'key-marker': key, ...(uploadId === undefined ? {} : { 'upload-id-marker': uploadId }) }
}
