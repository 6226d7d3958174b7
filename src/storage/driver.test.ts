import { describe, expect, test } from 'bun:test'
import { storagePath } from './driver.ts'
import { storageFull } from './storage-errors.ts'

describe('a storage path', () => {
  test('joins segments and paths', () => {
    expect(String(storagePath('docker', 'registry/v2', 'a_b-c.d'))).toBe('docker/registry/v2/a_b-c.d')
    expect(String(storagePath('..a', 'b..', '...'))).toBe('..a/b../...')
  })

  const unsafe = [
    '',
    '.',
    '..',
    '/',
    '/etc',
    'a/',
    'a//b',
    'a/../b',
    '../a',
    './a',
    'a\\b',
    'a b',
    'a\n',
    'a\0',
    'ä',
    'a%2Fb',
    'a:b',
    '~',
    '*',
  ]
  test.each(unsafe)('is never %j, whoever asks', (segment) => {
    expect(() => storagePath(segment)).toThrow('not a storage path')
    expect(() => storagePath('docker', segment)).toThrow('not a storage path')
    expect(() => storagePath('docker', segment, 'data')).toThrow('not a storage path')
  })

  test('has at least one segment', () => {
    expect(() => storagePath('')).toThrow('not a storage path')
  })
})

test('a full storage says so, and when to come back', () => {
  const cause = new Error('ENOSPC')

  expect(storageFull(cause)).toMatchObject({ code: 'UNAVAILABLE', retryAfterSeconds: 60, cause })
})
