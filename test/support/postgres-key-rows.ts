import type { Config } from '../../src/config/config.ts'

const HOST = 'db.example.com'
const DEFAULTS = {
  host: HOST,
  port: 5432,
  database: 'berth',
  user: 'berth',
  schema: 'berth',
  passwordFile: undefined,
  tls: undefined,
}

type Row = readonly [key: string, config: object, read: (config: Config) => unknown, expected: unknown]

/** Keys below `metadata.postgres`, which go with a bucket alone. */
export const POSTGRES_ROWS: readonly Row[] = [
  [
    'metadata.postgres.url',
    bucketWith({ url: 'postgres://a@db:5433/c?sslmode=verify-full' }),
    ({ metadata }) => metadata.postgres,
    { ...DEFAULTS, host: 'db', port: 5433, user: 'a', database: 'c', tls: { ca: undefined } },
  ],
  row('host', { host: '/run/postgresql' }, { host: '/run/postgresql' }),
  row('port', { port: 5433 }, { port: 5433 }),
  row('database', { database: 'other' }, { database: 'other' }),
  row('user', { user: 'other' }, { user: 'other' }),
  row('schema', { schema: 'other' }, { schema: 'other' }),
  row('passwordfile', { passwordfile: '/run/secrets/p' }, { passwordFile: '/run/secrets/p' }),
  row('tls.ca', { tls: { ca: '/ca.pem' } }, { tls: { ca: '/ca.pem' } }),
  [
    'metadata.postgres.password',
    configOf({ password: 'secret' }),
    ({ metadata }) => metadata.postgres?.password?.reveal(),
    'secret',
  ],
]

function row(key: string, keys: object, expected: object): Row {
  return [`metadata.postgres.${key}`, configOf(keys), ({ metadata }) => metadata.postgres, { ...DEFAULTS, ...expected }]
}

function configOf(keys: object): object {
  return bucketWith({ host: HOST, ...keys })
}

function bucketWith(postgres: object): object {
  return { storage: { s3: { bucket: 'images', region: 'us-east-1' } }, metadata: { postgres } }
}
