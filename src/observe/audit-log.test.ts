import { describe, expect, test } from 'bun:test'
import { AuditLog } from './audit-log.ts'
import type { Exchange } from './exchange.ts'
import type { LogFields } from './log.ts'

const FIXED = {
  target: '/v2/team/app/manifests/v1',
  requestId: 'abc',
  client: '192.0.2.1',
  handler: 'manifest',
  caller: 'alice',
  status: 200,
  answeredBytes: undefined,
  errorCode: undefined,
  denial: undefined,
  startedAtMs: 0,
  durationMs: 1,
} as const

function linesFor(method: string, facts: Partial<Exchange>): readonly (readonly [string, LogFields])[] {
  const lines: (readonly [string, LogFields])[] = []
  const request = new Request('http://localhost/v2/team/app/manifests/v1', { method })
  new AuditLog((message, fields) => lines.push([message, fields])).ended({ ...FIXED, ...facts, request })
  return lines
}

describe('a line says who did what from where, and what came of it:', () => {
  test('a write', () => {
    expect(linesFor('PUT', { status: 201 })).toEqual([
      [
        'write',
        {
          user: 'alice',
          claimed: undefined,
          client: '192.0.2.1',
          proxy: undefined,
          method: 'PUT',
          path: '/v2/team/app/manifests/v1',
          status: 201,
          code: undefined,
          reason: undefined,
          requestId: 'abc',
        },
      ],
    ])
    expect(linesFor('DELETE', { status: 202 })[0]?.[0]).toBe('write')
    expect(linesFor('POST', { status: 201, handler: 'blob_upload' })[0]?.[0]).toBe('write')
  })

  test('a login that failed', () => {
    const denial = { reason: 'wrong password', claimed: 'bob' }

    const lines = linesFor('GET', { caller: undefined, status: 401, errorCode: 'UNAUTHORIZED', denial })

    expect(lines).toMatchObject([['authentication failed', { user: undefined, claimed: 'bob', reason: 'wrong password' }]])
    expect(linesFor('GET', { caller: undefined, status: 429, denial })[0]?.[0]).toBe('authentication failed')
  })

  test('a denial, whatever the client was told', () => {
    const denial = { reason: 'may not pull in team/app', claimed: undefined }
    for (const status of [401, 403, 404]) expect(linesFor('GET', { status, denial })[0]?.[0]).toBe('denied')
    expect(linesFor('PUT', { caller: undefined, status: 403, denial })[0]?.[0]).toBe('denied')
  })
})

test('what changes nothing that others see has no line: pulls, steps of an upload, writes that failed, questions how to log in', () => {
  const nothing = [
    linesFor('GET', {}),
    linesFor('POST', { status: 202, handler: 'blob_upload' }),
    linesFor('PATCH', { status: 202, handler: 'blob_upload_chunk' }),
    linesFor('PUT', { status: 400, errorCode: 'MANIFEST_INVALID' }),
    linesFor('PUT', { status: 404, handler: undefined }),
    linesFor('GET', { caller: undefined, status: 401, denial: { reason: undefined, claimed: undefined } }),
  ]

  expect(nothing.flat()).toEqual([])
})
