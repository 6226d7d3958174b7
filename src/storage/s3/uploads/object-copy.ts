import { Semaphore } from '../../../runtime/semaphore.ts'
import { allEnded } from '../../all-ended.ts'
import { UploadGoneError } from '../../storage-errors.ts'
import type { Multipart, UploadedPart } from '../../upload-ledger.ts'
import type { Bucket } from '../bucket.ts'
import { S3Error } from '../requests/s3-error.ts'
import type { CopySettings } from '../settings.ts'

export interface CopyOptions {
  readonly from: string
  /** Bytes of the source; as many of them as `size` are copied. */
  readonly length: number
  readonly to: string
  readonly size: number
}

/** S3 copies no more than this in one request. */
const LARGEST_COPY = 5 * 1024 * 1024 * 1024
const MOST_PARTS = 10_000

/**
 * Copies an object within the store, in one request or in parts side by side. False when the store cannot do that. Throws UploadGoneError
 * when the source is absent.
 */
export async function copyWithin(bucket: Bucket, settings: CopySettings, options: CopyOptions): Promise<boolean> {
  const { from, length, to, size } = options
  try {
    if (length === size && size <= Math.min(settings.threshold, LARGEST_COPY)) {
      if (!(await bucket.copy(from, to))) throw sourceGone(from)
    } else {
      await copyInParts(bucket, settings, options)
    }
    return true
  } catch (error) {
    if (error instanceof S3Error && error.isUnsupported) return false
    throw error
  }
}

async function copyInParts(bucket: Bucket, settings: CopySettings, { from, to, size }: CopyOptions): Promise<void> {
  const multipart = await bucket.createMultipart(to)
  try {
    const copying = new Semaphore(settings.maxConcurrency)
    const copies: Promise<UploadedPart>[] = []
    const partSize = Math.max(settings.chunkSize, Math.ceil(size / MOST_PARTS))
    for (let start = 0; start < size; start += partSize) {
      const range = { start, end: Math.min(size, start + partSize) }
      const number = copies.length + 1
      copies.push(copying.run(() => copyPart(bucket, multipart, { number, from, range })))
    }
    const parts = await allEnded(copies)
    await bucket.complete(multipart, parts, size)
  } catch (error) {
    await bucket.abort(multipart).catch(() => undefined)
    throw error
  }
}

interface PartToCopy {
  readonly number: number
  readonly from: string
  readonly range: { readonly start: number; readonly end: number }
}

async function copyPart(bucket: Bucket, multipart: Multipart, { number, from, range }: PartToCopy): Promise<UploadedPart> {
  const part = await bucket.copyPart(multipart, number, from, range)
  if (part === undefined) throw sourceGone(from)
  return part
}

function sourceGone(key: string): UploadGoneError {
  return new UploadGoneError(`the object store has lost ${key}`)
}
