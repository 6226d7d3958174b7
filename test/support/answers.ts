import { expect } from 'bun:test'
import { replicasUnderTest } from './registry-under-test.ts'

/** The codes of distribution-spec "Error Codes", and the four that registry:2 and registry:3 add to them. */
export const ERROR_CODES = [
  'BLOB_UNKNOWN',
  'BLOB_UPLOAD_INVALID',
  'BLOB_UPLOAD_UNKNOWN',
  'DIGEST_INVALID',
  'MANIFEST_BLOB_UNKNOWN',
  'MANIFEST_INVALID',
  'MANIFEST_UNKNOWN',
  'NAME_INVALID',
  'NAME_UNKNOWN',
  'SIZE_INVALID',
  'UNAUTHORIZED',
  'DENIED',
  'UNSUPPORTED',
  'TOOMANYREQUESTS',
  'UNKNOWN',
  'UNAVAILABLE',
  'RANGE_INVALID',
  'PAGINATION_NUMBER_INVALID',
  'PARAMETER_INVALID',
]

export interface AnsweredError {
  readonly code: string
  readonly message: string
  readonly detail?: unknown
}

/** Expects this status, this code, and a body as the spec wants it; gives the error. */
export async function expectError(response: Response, status: number, code: string): Promise<AnsweredError> {
  const text = await response.text()
  expect(`${response.status} ${text}`).toStartWith(`${status} {`)
  expect(response.headers.get('content-type')).toBe('application/json')
  expect(response.headers.get('content-length')).toBe(String(Buffer.byteLength(text)))
  const { errors } = JSON.parse(text) as { errors: AnsweredError[] }
  expect(errors).toHaveLength(1)
  const [error] = errors
  if (error === undefined) throw new Error('the body has no error')
  expect(ERROR_CODES).toContain(error.code)
  expect(error.code).toBe(code)
  expect(error.message).toContain(`(request ${response.headers.get('x-request-id')})`)
  return error
}

/** The headers of an answer that say something about its content: all but those that differ each time. */
export function contentHeaders(response: Response): Record<string, string> {
  const { date: _, 'x-request-id': __, ...others } = Object.fromEntries(response.headers)
  return replicasUnderTest > 1 ? withoutBalancer(others) : others
}

/** nginx says of itself who it is and what becomes of its connection. */
function withoutBalancer({ server: _, connection: __, ...others }: Record<string, string>): Record<string, string> {
  return others
}

export function header(response: Response, name: string): string | null {
  return response.headers.get(name)
}

/** The target of a `Link` to the next page, undefined when there is none; anything else in the header is an error. */
export function nextPage(response: Response): string | undefined {
  const link = response.headers.get('link')
  if (link === null) return undefined
  const target = /^<(\/[^>]*)>; rel="next"$/.exec(link)?.[1]
  if (target === undefined) throw new Error(`not a link to a next page: ${link}`)
  return target
}
