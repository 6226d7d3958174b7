import { expect, test } from 'bun:test'
import { inspect } from 'node:util'
import { Secret, withoutPassword } from './secret.ts'

test('a secret shows itself to the one who asks for it, and stars to everyone else', () => {
  const secret = new Secret('hunter2')

  const shown = [
    String(secret),
    `${secret}`,
    JSON.stringify({ secret }),
    inspect(secret),
    inspect({ deep: [secret] }),
    Bun.inspect(secret),
  ]

  expect(secret.reveal()).toBe('hunter2')
  for (const text of shown) {
    expect(text).toContain('****')
    expect(text).not.toContain('hunter2')
  }
})

test('a name and a password in a URL are stars, also where the password has an @', () => {
  expect(withoutPassword('see https://user:p@ss@db.example.com:5432/x@y and http://u@h')).toBe(
    'see https://****@db.example.com:5432/x@y and http://****@h',
  )
})
