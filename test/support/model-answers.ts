import { expect } from 'bun:test'
import { ERROR_CODES } from './answers.ts'
import type { Expected } from './model.ts'

/** A registry that answers later than this hangs. */
const PATIENCE_MS = 30_000

/** The answer, unless it takes too long. */
export async function inTime(answer: Promise<Response>, what: string): Promise<Response> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`${what} was not answered in half a minute`)), PATIENCE_MS)
  try {
    return await Promise.race([answer, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** What every answer must be, whatever was asked: no failure of the registry's own, and an error as the spec writes it. */
export async function expectSound(method: string, response: Response): Promise<Uint8Array> {
  const body = await response.bytes()
  const text = new TextDecoder().decode(body.subarray(0, 300))
  expect(`${response.status} ${response.status < 500 ? '' : text}`).toMatch(/^[1-4]\d\d /)
  expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f]{16}$/)
  if (method === 'HEAD') expect(body).toHaveLength(0)
  if (response.status >= 400 && method !== 'HEAD') expectError(response, body)
  return body
}

/** distribution-spec "Error Codes". */
function expectError(response: Response, body: Uint8Array): void {
  expect(response.headers.get('content-type')).toBe('application/json')
  const { errors, ...others } = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  expect(others).toEqual({})
  expect(errors).toBeArrayOfSize(1)
  const [{ code, message, detail: _, ...more }] = errors
  expect(ERROR_CODES).toContain(code)
  expect(message).toEndWith(`(request ${response.headers.get('x-request-id')})`)
  expect(more).toEqual({})
}

/** Compares an answer with what the model says of it. */
export async function expectAnswer(method: string, response: Response, expected: Expected): Promise<Uint8Array> {
  const body = await expectSound(method, response)
  const text = new TextDecoder().decode(body.subarray(0, 300))
  const explanation = response.status === expected.status ? '' : text
  expect(`${response.status} ${explanation}`).toBe(`${expected.status} `)
  for (const [name, value] of Object.entries(expected.headers ?? {})) {
    expect(`${name}: ${response.headers.get(name) ?? undefined}`).toBe(`${name}: ${value}`)
  }
  if (method === 'HEAD') return body
  if (expected.code !== undefined) expect(JSON.parse(new TextDecoder().decode(body)).errors[0].code).toBe(expected.code)
  if (expected.body instanceof Uint8Array) expect(Buffer.compare(body, expected.body)).toBe(0)
  else if (expected.body !== undefined) expect(JSON.parse(new TextDecoder().decode(body))).toEqual(expected.body)
  return body
}
