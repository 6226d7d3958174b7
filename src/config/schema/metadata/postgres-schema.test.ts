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
  [BUCKET, '{host: /run/postgresql, tls: {}}', /metadata\.postgres\.tls encrypts, which is for a server of the network/],
  [BUCKET, '{port: 5432}', /metadata\.postgres names no server; write host, or url/],
  [BUCKET, '{url: "mysql://db/berth"}', /metadata\.postgres\.url is not the address of a database; write it as postgres:/],
  [BUCKET, '{url: "postgres://a:b/c@db/berth"}', /metadata\.postgres\.url is not the address of a database/],
  [BUCKET, '{url: "postgres://a:%zz@db/berth"}', /metadata\.postgres\.url is not the address of a database/],
  [BUCKET, '{url: "postgres:///berth"}', /metadata\.postgres\.url names no server/],
  [BUCKET, '{url: "postgres://db/a/b"}', /metadata\.postgres\.url names a database with a slash/],
  [BUCKET, '{url: "postgres://db/a?host=/run"}', /metadata\.postgres\.url names more than one host/],
  [
    BUCKET,
    '{url: "postgres://db/a?sslmode=require"}',
    /metadata\.postgres\.url has an sslmode that neither .*; write sslmode=disable or/,
  ],
  [BUCKET, '{url: "postgres://db/a?sslkey=/k"}', /metadata\.postgres\.url has the option "sslkey"/],
  [BUCKET, '{url: "postgres://db/a", user: b}', /metadata\.postgres\.user: "b" belongs into metadata\.postgres\.url/],
  [BUCKET, '{url: "postgres://a:b@db/a", passwordfile: /b}', /metadata\.postgres\.url has a password, and passwordfile too/],
  [BUCKET, '{url: "postgres://db/a?sslmode=disable", tls: {}}', /metadata\.postgres\.url has sslmode=disable, and tls encrypts/],
  [
    BUCKET,
    '{url: "postgres://%2Frun/a?sslmode=verify-full"}',
    /metadata\.postgres\.url encrypts, which is for a server of the network/,
  ],
  [BUCKET, '{host: db, hots: db}', /metadata\.postgres\.hots/],
])('%s with postgres: %s is refused', (storage, postgres, expected) => {
  expect(() => load(storage, `postgres: ${postgres}`)).toThrow(ConfigError)
  expect(() => load(storage, `postgres: ${postgres}`)).toThrow(expected)
})

test('a file of SQLite and PostgreSQL exclude each other', () => {
  expect(() => load(BUCKET, 'path: /m.db, postgres: {host: db}')).toThrow(/metadata\.path both say where the metadata is/)
})

test.each(['{host: db, password: hunter2}', '{url: "postgres://a:hunter2@db/b"}'])('a password of %s does not show', (keys) => {
  const { config } = load(BUCKET, `postgres: ${keys}`)

  expect(JSON.stringify(config.metadata)).not.toContain('hunter2')
  expect(config.metadata.postgres?.password?.reveal()).toBe('hunter2')
})

test.each(['postgres://a:hunter2', 'postgres://a:hunter2/@db/b', 'postgres://a:hunter2@db/b?sslmode=prefer'])(
  'what is wrong with %s is told without the password',
  (url) => {
    expect(() => load(BUCKET, `postgres: {url: "${url}", tls: {}}`)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    )
  },
)

const LEFT_OUT = { port: 5432, database: 'berth', user: 'berth', schema: 'berth', passwordFile: undefined, tls: undefined }

test.each([
  ['url: "postgres://db"', { host: 'db' }],
  ['url: "postgresql://a@[::1]:5433/c%20d"', { host: '::1', port: 5433, database: 'c d', user: 'a' }],
  ['url: "postgres://%2Frun%2Fpostgresql/c"', { host: '/run/postgresql', database: 'c' }],
  ['url: "postgres:///c?host=/run/postgresql&sslmode=disable"', { host: '/run/postgresql', database: 'c' }],
  ['url: "postgres://db/?sslmode=verify-full"', { host: 'db', tls: { ca: undefined } }],
  ['url: "postgres://db", passwordfile: /p, schema: s', { host: 'db', passwordFile: '/p', schema: 's' }],
  ['url: "postgres://db?sslmode=verify-full", tls: {ca: /ca.pem}', { host: 'db', tls: { ca: '/ca.pem' } }],
])('{%s} says where the database is', (keys, expected) => {
  const { config } = load(BUCKET, `postgres: {${keys}}`)

  expect(config.metadata.postgres).toEqual({ ...LEFT_OUT, password: undefined, ...expected })
})

test('letters of a password that an address gives another meaning stand there by their numbers', () => {
  const { config } = load(BUCKET, 'postgres: {url: "postgres://a:%2F%40%3A%3F%23%25%20@db/b"}')

  expect(config.metadata.postgres?.password?.reveal()).toBe('/@:?#% ')
})

function load(storage: string, metadata: string) {
  return loadText(`version: 0.1\n${storage}\nmetadata: {${metadata}}\n`)
}
