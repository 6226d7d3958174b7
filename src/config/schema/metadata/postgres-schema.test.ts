import { expect, test } from 'bun:test'
import { loadText } from '../../../../test/support/config-text.ts'
import { ConfigError } from '../../config-error.ts'

const BUCKET = 'storage: {s3: {bucket: a, region: b}}'

test.each([
  [
    'storage: {inmemory: {}}',
    '{host: db}',
    /metadata\.postgres is for a bucket; a directory has its metadata in a file of SQLite/,
  ],
  ['storage: {filesystem: {rootdirectory: /a}}', '{host: db}', /metadata\.postgres is for a bucket/],
  [BUCKET, '{host: db, password: a, passwordfile: /b}', /metadata\.postgres\.password and passwordfile both say the password/],
  [BUCKET, '{host: db, port: 70000}', /metadata\.postgres\.port: "70000" is no port/],
  [BUCKET, '{host: /run/postgresql, tls: {}}', /metadata\.postgres\.tls is for a server of the network/],
  [BUCKET, '{port: 5432}', /metadata\.postgres\.host/],
  [BUCKET, '{host: db, hots: db}', /metadata\.postgres\.hots/],
])('%s with postgres: %s is refused', (storage, postgres, expected) => {
  expect(() => load(storage, `postgres: ${postgres}`)).toThrow(ConfigError)
  expect(() => load(storage, `postgres: ${postgres}`)).toThrow(expected)
})

test('a file of SQLite and PostgreSQL exclude each other', () => {
  expect(() => load(BUCKET, 'path: /m.db, postgres: {host: db}')).toThrow(/metadata\.path both say where the metadata is/)
})

test('a password does not show', () => {
  const { config } = load(BUCKET, 'postgres: {host: db, password: hunter2}')

  expect(JSON.stringify(config.metadata)).not.toContain('hunter2')
})

function load(storage: string, metadata: string) {
  return loadText(`version: 0.1\n${storage}\nmetadata: {${metadata}}\n`)
}
