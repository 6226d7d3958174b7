import { expect, test } from 'bun:test'
import { type ErrorCode, RegistryError, unavailable } from './errors.ts'

test('an error has the sentence of its code when it brings none of its own', () => {
  expect(new RegistryError('BLOB_UNKNOWN').message).toContain('no such blob')
  expect(new RegistryError('BLOB_UNKNOWN', { message: 'Gone.' }).message).toBe('Gone.')
})

test('an error keeps its facts and its cause', () => {
  const cause = new Error('inside')

  const error = new RegistryError('UNKNOWN', { cause, detail: { digest: 'x' }, retryAfterSeconds: 3 })

  expect(error).toMatchObject({ name: 'RegistryError', code: 'UNKNOWN', detail: { digest: 'x' }, retryAfterSeconds: 3 })
  expect(error.cause).toBe(cause)
})

test('every sentence says what happened and ends as one', () => {
  const codes: readonly ErrorCode[] = [
    'DIGEST_INVALID',
    'NAME_INVALID',
    'SIZE_INVALID',
    'UNSUPPORTED',
    'TOOMANYREQUESTS',
    'DENIED',
  ]
  for (const code of codes) expect(new RegistryError(code).message).toMatch(/^[A-Z].+\.$/)
})

test('what goes away by itself says when to try again', () => {
  expect(unavailable('Busy.')).toMatchObject({ code: 'UNAVAILABLE', message: 'Busy.', retryAfterSeconds: 1 })
  expect(unavailable('Full.', { retryAfterSeconds: 60 })).toMatchObject({ retryAfterSeconds: 60 })
})
