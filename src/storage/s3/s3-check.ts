import { randomBytes } from 'node:crypto'
import { CheckFailure, CheckLimit, type CheckStep } from '../check-step.ts'
import { storagePath } from '../driver.ts'
import type { Multipart } from '../upload-ledger.ts'
import type { Bucket } from './bucket.ts'
import type { KeySpace } from './key-space.ts'
import { S3Error } from './requests/s3-error.ts'
import { explainS3 } from './s3-explain.ts'
import type { S3Settings } from './settings.ts'

const PART_BYTES = 5 * 1024 * 1024
const SMALL = 'a small object'
const LARGEST_SKEW_MS = 60_000
const SIGNED_FOR_SECONDS = 60
const PRESIGNED_TIMEOUT_MS = 5_000

export interface S3CheckOptions {
  readonly settings: S3Settings
  readonly bucket: Bucket
  readonly keys: KeySpace
  /** Clients are sent to the store: what is signed for them must work. */
  readonly redirects: boolean
}

/** The requests of S3 that Berth makes, each by itself, on keys of their own that are removed in the end. */
export function s3Steps(options: S3CheckOptions): readonly CheckStep[] {
  const check = new S3Check(options)
  const step = (name: string, action: string, run: () => Promise<string | undefined>, essential = false): CheckStep => ({
    name,
    run: () => explained(run, options.settings, action),
    essential,
  })
  return [
    step('reach the bucket', 's3:ListBucket', () => check.reach(), true),
    step('agree on the time', 's3:ListBucket', () => check.compareClocks()),
    step('put an object', 's3:PutObject', () => check.put(), true),
    step('see it, and see what is absent', 's3:GetObject and s3:ListBucket', () => check.head()),
    step('read it, and a part of it', 's3:GetObject', () => check.read()),
    step('list it', 's3:ListBucket', () => check.list()),
    step('make an object of parts', 's3:PutObject', () => check.multipart()),
    step('give up parts', 's3:AbortMultipartUpload', () => check.abort()),
    step('see unfinished parts', 's3:ListBucketMultipartUploads', () => check.listMultiparts()),
    step('copy an object', 's3:GetObject and s3:PutObject (CopyObject)', () => check.copy()),
    step('copy a part of an object', 's3:GetObject and s3:PutObject (UploadPartCopy)', () => check.copyPart()),
    step('read with a presigned URL', 's3:GetObject', () => check.presigned()),
    step('refuse what comes late', 's3:DeleteObject', () => check.refuseLate()),
    step('delete', 's3:DeleteObject', () => check.remove()),
  ]
}

async function explained(
  run: () => Promise<string | undefined>,
  settings: S3Settings,
  action: string,
): Promise<string | undefined> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof CheckFailure) throw error
    throw new CheckFailure(explainS3(error, settings, action) ?? String(error), { cause: error })
  }
}

class S3Check {
  readonly #bucket: Bucket
  readonly #redirects: boolean
  readonly #prefix: string
  readonly #small: string
  readonly #large: string
  readonly #copy: string

  constructor({ bucket, keys, redirects }: S3CheckOptions) {
    this.#bucket = bucket
    this.#redirects = redirects
    this.#prefix = keys.keyOf(storagePath(`berth/check-${crypto.randomUUID()}`))
    this.#small = `${this.#prefix}/small`
    this.#large = `${this.#prefix}/large`
    this.#copy = `${this.#prefix}/copy`
  }

  async reach(): Promise<undefined> {
    await this.#bucket.list(this.#prefix, { limit: 1 })
  }

  async compareClocks(): Promise<string> {
    const skewMs = this.#bucket.storeTimeMs() - Date.now()
    const seconds = Math.round(Math.abs(skewMs) / 1000)
    if (Math.abs(skewMs) <= LARGEST_SKEW_MS) return seconds <= 1 ? 'the same' : `${seconds} s apart`
    throw new CheckFailure(
      `This machine's clock is ${seconds} s ${skewMs > 0 ? 'behind' : 'ahead of'} the store's; set it by NTP: beyond a quarter of an hour nothing is believed.`,
    )
  }

  async put(): Promise<undefined> {
    await this.#bucket.put(this.#small, new TextEncoder().encode(SMALL))
  }

  async head(): Promise<undefined> {
    const size = (await this.#bucket.head(this.#small))?.size
    if (size !== SMALL.length)
      throw new CheckFailure(`An object of ${SMALL.length} bytes shows ${size ?? 'none'} right after it was put.`)
    if ((await this.#bucket.head(`${this.#prefix}/absent`)) === undefined) return
    throw new CheckFailure('The store shows an object that was never put: its answers to HEAD cannot be believed.')
  }

  async read(): Promise<undefined> {
    await this.#expectText(this.#small, SMALL)
    await this.#expectText(this.#small, SMALL.slice(2, 7), { start: 2, end: 7 })
  }

  async list(): Promise<undefined> {
    const { objects } = await this.#bucket.list(`${this.#prefix}/`)
    if (objects.some(({ key }) => key === this.#small)) return
    throw new CheckLimit(
      'A list lacks what was put a moment ago; Berth does not need that to be so, but other registries on this bucket do.',
    )
  }

  async multipart(): Promise<undefined> {
    const bytes = randomBytes(PART_BYTES + 1)
    const multipart = await this.#bucket.createMultipart(this.#large)
    await this.#orAbort(multipart, async () => {
      const first = await this.#bucket.uploadPart(multipart, 1, bytes.subarray(0, PART_BYTES))
      const second = await this.#bucket.uploadPart(multipart, 2, bytes.subarray(PART_BYTES))
      await this.#bucket.complete(multipart, [first, second], bytes.length)
    })
    await this.#expectSize(this.#large, bytes.length)
  }

  async listMultiparts(): Promise<string | undefined> {
    const multipart = await this.#bucket.createMultipart(this.#copy)
    const listed = await this.#orAbort(multipart, () => this.#bucket.listMultiparts(this.#prefix))
    await this.#bucket.abort(multipart).catch(() => undefined)
    if (listed.some(({ uploadId }) => uploadId === multipart.uploadId)) return undefined
    throw new CheckLimit(
      'The store does not show unfinished uploads: set a lifecycle rule there that removes them after some days.',
    )
  }

  async abort(): Promise<undefined> {
    const multipart = await this.#bucket.createMultipart(this.#copy)
    await this.#bucket.abort(multipart)
  }

  async copy(): Promise<undefined> {
    await orSlower(() => this.#bucket.copy(this.#small, this.#copy))
    await this.#expectText(this.#copy, SMALL)
  }

  async copyPart(): Promise<undefined> {
    const multipart = await this.#bucket.createMultipart(this.#copy)
    await this.#orAbort(multipart, async () => {
      const part = await orSlower(() => this.#bucket.copyPart(multipart, 1, this.#large, { start: 1, end: PART_BYTES + 1 }))
      if (part === undefined)
        throw new CheckFailure('The store does not find the object that is to be copied, which it has just made.')
      await this.#bucket.complete(multipart, [part], PART_BYTES)
    })
    await this.#expectSize(this.#copy, PART_BYTES)
  }

  async presigned(): Promise<string | undefined> {
    const url = await this.#bucket.presign('GET', this.#small, SIGNED_FOR_SECONDS)
    const { status, text } = await this.#asClient(url).catch((cause: unknown) => {
      throw this.#unsigned(`${url.host} does not answer (${cause instanceof Error ? cause.message : String(cause)})`)
    })
    if (status !== 200 || text !== SMALL) throw this.#unsigned(`${url.host} answers ${status}`)
    return this.#redirects ? undefined : 'not used: redirect is off'
  }

  /** Berth waits until a DELETE that had no answer has expired, and then believes that it never comes. */
  async refuseLate(): Promise<undefined> {
    const isRefused = await this.#bucket.refusesLate(this.#small)
    if (isRefused && (await this.#bucket.head(this.#small)) !== undefined) return
    throw new CheckLimit(
      'The store does a DELETE whose signature has expired: after one that had no answer, what it is about is refused with 503 for 15 minutes.',
    )
  }

  async remove(): Promise<undefined> {
    for (const key of [this.#small, this.#large, this.#copy]) await this.#bucket.delete(key)
    if ((await this.#bucket.head(this.#small)) !== undefined) throw new CheckFailure('What was deleted is still there.')
  }

  async #asClient(url: URL): Promise<{ readonly status: number; readonly text: string }> {
    const answer = await fetch(url, { signal: AbortSignal.timeout(PRESIGNED_TIMEOUT_MS) })
    return { status: answer.status, text: await answer.text() }
  }

  #unsigned(what: string): CheckFailure {
    const reason = `${what} for a presigned URL; clients that are redirected there get nothing: correct redirectendpoint, or leave redirect off.`
    return this.#redirects ? new CheckFailure(reason) : new CheckLimit(reason)
  }

  async #expectText(key: string, expected: string, range?: { readonly start: number; readonly end: number }): Promise<void> {
    const object = await this.#bucket.open(key, range)
    const text = object === undefined ? undefined : await new Response(object.stream).text()
    if (text !== expected)
      throw new CheckFailure(
        `The store gives back ${text === undefined ? 'nothing' : 'other bytes'} where it should give ${expected.length} known ones.`,
      )
  }

  async #expectSize(key: string, expected: number): Promise<void> {
    const size = (await this.#bucket.head(key))?.size
    if (size !== expected) throw new CheckFailure(`An object of ${expected} bytes has ${size ?? 'none'} in the store.`)
  }

  async #orAbort<Result>(multipart: Multipart, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work()
    } catch (error) {
      await this.#bucket.abort(multipart).catch(() => undefined)
      throw error
    }
  }
}

/** Berth does without copies of the store, by sending the bytes through itself. */
async function orSlower<Result>(copy: () => Promise<Result>): Promise<Result> {
  try {
    return await copy()
  } catch (error) {
    if (!(error instanceof S3Error && error.isUnsupported)) throw error
    throw new CheckLimit(
      'The store cannot do that; Berth sends the bytes through itself, which takes longer for layers pushed in several requests.',
      { cause: error },
    )
  }
}
