import { expect, test } from 'bun:test'
import { StillUnderWayError } from '../../storage-errors.ts'
import { lateMsOf, OpenAttempts } from './open-attempts.ts'
import { S3Error, type S3Failure } from './s3-error.ts'

const BROKEN: Partial<S3Failure> = { cause: Object.assign(new Error('reset'), { code: 'ECONNRESET' }) }

function noted(failure: Partial<S3Failure>, lateMs = 17_000): OpenAttempts {
  const attempts = new OpenAttempts(lateMs)
  attempts.note(new S3Error({ status: undefined, code: '', message: '', request: 'DELETE key', ...failure }))
  return attempts
}

test.each<[string, Partial<S3Failure>]>([
  ['the store refused it', { status: 403, code: 'AccessDenied' }],
  ['the store was too busy', { status: 503, code: 'SlowDown' }],
  ['nothing was there to send it to', { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) }],
])('an attempt does nothing late when %s', (_, failure) => {
  expect(noted(failure).areOpen).toBe(false)
})

test.each<[string, Partial<S3Failure>]>([
  ['it had no answer', {}],
  ['its connection broke', BROKEN],
  ['a gateway answered instead of the store', { status: 503 }],
])('an attempt may do something late when %s', (_, failure) => {
  expect(noted(failure).areOpen).toBe(true)
})

test('what may still come is waited for until its signature has expired', async () => {
  const attempts = noted(BROKEN, 5)

  await attempts.over()

  expect(attempts.areOpen).toBe(false)
})

test('a store that does not refuse what is late is not waited for, and the error says for how long it may still act', async () => {
  const lateMs = lateMsOf({ expiresSeconds: 15, refusesLate: false })

  const over = noted(BROKEN, lateMs).over()

  const error = await over.catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(StillUnderWayError)
  expect(error).toMatchObject({ code: 'UNAVAILABLE', cause: expect.any(S3Error) })
  expect(lateMs).toBe(15 * 60_000)
})
