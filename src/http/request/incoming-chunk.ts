import { RegistryError } from '../../oci/errors.ts'
import type { IncomingChunk } from '../../registry/uploads/incoming.ts'

/**
 * The chunk that a request brings (end-4b, end-5, end-6). Neither Content-Length nor Content-Range is needed: Docker streams without
 * either. Throws SIZE_INVALID when they contradict each other, RANGE_INVALID for a range that ends before it starts.
 */
export function incomingChunk(request: Request): IncomingChunk {
  const { body, headers } = request
  const declared = contentLength(headers) ?? (body === null ? 0 : undefined)
  // Without a byte there is nothing whose place a range could tell: it says at most where the blob ended.
  const range = declared === 0 ? undefined : uploadRange(headers)
  if (range === undefined) return { body, start: undefined, length: declared }
  const length = range.last - range.first + 1
  if (declared !== undefined && declared !== length) {
    throw new RegistryError('SIZE_INVALID', {
      message: 'Content-Range and Content-Length differ; send the same number of bytes in both.',
      detail: { contentRange: headers.get('content-range'), contentLength: declared },
    })
  }
  return { body, start: range.first, length }
}

/** Undefined when the body comes in chunks of its own, without a length. */
export function contentLength(headers: Headers): number | undefined {
  const text = headers.get('content-length')
  if (text === null) return undefined
  const length = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(length)) return length
  throw new RegistryError('SIZE_INVALID', {
    message: 'The Content-Length is not a number of bytes.',
    detail: { contentLength: text },
  })
}

/** The spec's `<first>-<last>`, inclusive; also with the unit and total of RFC 9110, which some clients add. */
function uploadRange(headers: Headers): { readonly first: number; readonly last: number } | undefined {
  const text = headers.get('content-range')?.trim() ?? ''
  if (text === '') return undefined
  const match = /^(?:bytes[ =])?(\d+)-(\d+)(?:\/(?:\d+|\*))?$/i.exec(text)
  const [first, last] = [Number(match?.[1]), Number(match?.[2])]
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last)) {
    throw new RegistryError('SIZE_INVALID', {
      message: 'The Content-Range is not valid; send <first>-<last>, the positions of the first and the last byte.',
      detail: { contentRange: text.slice(0, 200) },
    })
  }
  if (last >= first) return { first, last }
  throw new RegistryError('RANGE_INVALID', {
    message: 'The Content-Range ends before it starts; send <first>-<last>.',
    detail: { contentRange: text.slice(0, 200) },
  })
}
