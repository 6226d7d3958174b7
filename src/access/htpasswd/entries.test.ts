import { expect, test } from 'bun:test'
import { bcryptCost } from '../passwords/bcrypt-hash.ts'
import { parseHtpasswd } from './entries.ts'

const HASH = `$2y$05$${'a'.repeat(53)}`

test('each line is a user and a bcrypt hash; spaces, empty lines and comments mean nothing', () => {
  const { hashes, unusable } = parseHtpasswd(
    `# users\n\n  alice:${HASH}  \r\nbob:${HASH.replace('y', 'a')}\ncarol:${HASH.replace('y', 'b')}\n`,
  )

  expect([...hashes.keys()]).toEqual(['alice', 'bob', 'carol'])
  expect(hashes.get('alice')).toBe(HASH)
  expect(unusable).toEqual([])
})

test.each([
  ['$apr1$xAlaZJ0N$r9q7JN9Q41x71T4alws26/', 'MD5 (apr1)'],
  ['{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=', 'SHA-1'],
  ['$6$salt$hash', 'SHA-512-crypt'],
  [`$2x$05$${'a'.repeat(53)}`, 'a broken bcrypt hash'],
  ['$2y$05$short', 'a broken bcrypt hash'],
  ['rqXexS6ZhobKA', 'crypt'],
  ['secret', 'plain text or unknown'],
  ['', 'plain text or unknown'],
])('a user with %s is named with what that seems to be: %s', (hash, kind) => {
  expect(parseHtpasswd(`alice:${HASH}\nbob:${hash}`)).toEqual({
    hashes: new Map([['alice', HASH]]),
    unusable: [{ line: 2, user: 'bob', kind }],
  })
})

test('what follows a hash means nothing, as a third field with a comment', () => {
  const { hashes, unusable } = parseHtpasswd(`alice:${HASH}:The operator\nbob:${HASH}:\ncarol:${HASH} since May\ndave:secret:a\n`)

  expect([...hashes]).toEqual([
    ['alice', HASH],
    ['bob', HASH],
    ['carol', HASH],
  ])
  expect(unusable).toEqual([{ line: 4, user: 'dave', kind: 'plain text or unknown' }])
})

test('of two lines for one user the later one counts, also when it lets nobody in', () => {
  const other = `$2y$06$${'b'.repeat(53)}`

  expect(parseHtpasswd(`alice:${HASH}\nalice:${other}`).hashes.get('alice')).toBe(other)
  expect(parseHtpasswd(`alice:${HASH}\nalice:{SHA}x`).hashes.size).toBe(0)
})

test('a line that is no user and hash is named by its number', () => {
  const { unusable } = parseHtpasswd(`\nnobody\n:${HASH}`)

  expect(unusable.map(({ line, user }) => [line, user])).toEqual([
    [2, undefined],
    [3, undefined],
  ])
})

test('a cost outside of what bcrypt has is no cost', () => {
  expect(['03', '04', '31', '32', '99'].map((cost) => bcryptCost(`$2b$${cost}$${'a'.repeat(53)}`))).toEqual([
    undefined,
    4,
    31,
    undefined,
    undefined,
  ])
})
