import { describe, expect, test } from 'bun:test'
import { RegistryError, unavailable } from '../../oci/errors.ts'
import { errorResponse, Refusal, STATUS_OF } from './error-response.ts'
import { responseOf } from './responses.ts'

describe('error answers', () => {
  test('every code has the status that clients know it by', () => {
    expect(STATUS_OF).toEqual({
      BLOB_UNKNOWN: 404,
      BLOB_UPLOAD_INVALID: 404,
      BLOB_UPLOAD_UNKNOWN: 404,
      DENIED: 403,
      DIGEST_INVALID: 400,
      MANIFEST_BLOB_UNKNOWN: 400,
      MANIFEST_INVALID: 400,
      MANIFEST_UNKNOWN: 404,
      NAME_INVALID: 400,
      NAME_UNKNOWN: 404,
      PAGINATION_NUMBER_INVALID: 400,
      PARAMETER_INVALID: 400,
      RANGE_INVALID: 416,
      SIZE_INVALID: 400,
      TOOMANYREQUESTS: 429,
      UNAUTHORIZED: 401,
      UNAVAILABLE: 503,
      UNKNOWN: 500,
      UNSUPPORTED: 405,
    })
  })

  test('have the body of the spec, with the request id where clients show it', async () => {
    const error = new RegistryError('BLOB_UNKNOWN', { message: 'No such blob.', detail: 'sha256:a' })
    const response = responseOf(errorResponse(error, 'r1'))

    expect(response.status).toBe(404)
    expect(response.headers.get('content-type')).toBe('application/json')
    const body = await response.text()
    expect(response.headers.get('content-length')).toBe(String(body.length))
    expect(JSON.parse(body)).toEqual({
      errors: [{ code: 'BLOB_UNKNOWN', message: 'No such blob. (request r1)', detail: 'sha256:a' }],
    })
  })

  test('never show the cause', async () => {
    const response = responseOf(errorResponse(new RegistryError('UNKNOWN', { cause: new Error('/var/lib/secret') }), 'r1'))

    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('secret')
  })

  test('say when to come back', () => {
    expect(errorResponse(unavailable('Busy.'), 'r1').headers['Retry-After']).toBe('1')
    expect(errorResponse(new RegistryError('TOOMANYREQUESTS', { retryAfterSeconds: 30 }), 'r1').headers['Retry-After']).toBe('30')
    expect(errorResponse(new RegistryError('BLOB_UNKNOWN'), 'r1').headers['Retry-After']).toBeUndefined()
  })

  test('carry the status and the headers of a refusal', () => {
    const response = errorResponse(new Refusal('UNSUPPORTED', { status: 418, headers: { Allow: 'GET' } }), 'r1')

    expect(response.status).toBe(418)
    expect(response.headers.Allow).toBe('GET')
  })

  test('a refusal has the status of its code unless it says otherwise', () => {
    expect(new Refusal('RANGE_INVALID', {}).status).toBe(416)
  })
})
