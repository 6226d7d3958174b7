import { describe, expect, test } from 'bun:test'
import { findBasicCredentials } from './basic-credentials.ts'

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

describe('Basic credentials', () => {
  test.each([
    ['alice:secret', 'alice', 'secret'],
    ['alice:', 'alice', ''],
    ['alice:with:colons', 'alice', 'with:colons'],
    ['ålice:pässwörd', 'ålice', 'pässwörd'],
  ])('%s is a name and a password', (text, name, password) => {
    expect(findBasicCredentials(basic(text))).toEqual({ name, password: Buffer.from(password) })
    expect(findBasicCredentials(basic(text).replace('Basic', 'bASIC'))?.name).toBe(name)
  })

  test.each([
    '',
    'Basic',
    'Basic ',
    'Basic !!!!',
    basic('nobody'),
    basic(':secret'),
    'Bearer abc',
    `${basic('a:b')}, ${basic('c:d')}`,
    `${basic('a:b')} x`,
    basic(`a:${'b'.repeat(10_000)}`),
  ])('%s is none', (authorization) => {
    expect(findBasicCredentials(authorization)).toBeUndefined()
  })

  test('a password that is not UTF-8 keeps its bytes', () => {
    const authorization = `Basic ${Buffer.from([0x61, 0x3a, 0xff, 0x00]).toString('base64')}`

    expect([...(findBasicCredentials(authorization)?.password ?? [])]).toEqual([0xff, 0x00])
  })
})
