import { resolve } from 'node:path'
import type { z } from 'zod'
import type { ConfigProblem } from '../../config-error.ts'
import { type PostgresUrl, readPostgresUrl } from '../../words/postgres-url.ts'
import { key, optionalKey, optionalSection } from '../keys.ts'
import { filled, secret, text, wholeNumber } from '../values.ts'

export const postgres = optionalSection(
  {
    url: optionalKey(secret, {
      about: 'Host, port, database, user and password in one, in place of those keys; sslmode=verify-full encrypts as tls does.',
      example: 'postgres://berth:secret@postgres.example.com:5432/berth?sslmode=verify-full',
    }),
    host: optionalKey(filled, {
      about: 'The name or address of the server, or the folder of its socket.',
      example: 'postgres.example.com',
    }),
    port: optionalKey(wholeNumber(1), { about: 'Where the server listens; 5432 when left out.', example: '5433' }),
    database: optionalKey(filled, {
      about: 'The database, with the encoding UTF8; berth when left out.',
      example: 'registry',
    }),
    user: optionalKey(filled, {
      about: 'The role that owns the schema, or may make it; berth when left out.',
      example: 'registry',
    }),
    password: optionalKey(secret, { about: 'Of the role; left out where the server trusts this machine.', example: 'secret' }),
    passwordfile: optionalKey(text, {
      about: 'A file with the password, read for each connection: a changed one is taken up.',
      example: '/run/secrets/postgres',
    }),
    schema: key(filled, {
      default: 'berth',
      example: 'registry',
      about: 'The schema of the tables; it is made when it is not there.',
    }),
    tls: optionalSection(
      {
        ca: optionalKey(text, {
          about: 'A file with the authority of the server’s certificate; those of the system when left out.',
          example: '/etc/ssl/postgres-ca.pem',
        }),
      },
      'Encrypts, and verifies the certificate of the server. Left out: not encrypted.',
    ),
  },
  'PostgreSQL in place of SQLite, for a bucket that several machines serve (docs/replicas.md). Left out: a file of SQLite.',
)

type ParsedPostgres = NonNullable<z.output<typeof postgres>>

export type PostgresConfig = Readonly<ReturnType<typeof postgresConfig>>

/** What holds where neither a key nor the address says it. */
const USUAL = { port: 5432, database: 'berth', user: 'berth' } as const

export function postgresConfig({ url, passwordfile, tls, schema, ...keys }: ParsedPostgres) {
  const { isEncrypted, ...told } = addressIn(url)
  const { host = '', port = USUAL.port, database = USUAL.database, user = USUAL.user, password } = url === undefined ? keys : told
  return {
    ...{ host, port, database, user, password, schema },
    passwordFile: passwordfile === undefined ? undefined : resolve(passwordfile),
    tls: tls === undefined && isEncrypted !== true ? undefined : { ca: tls?.ca === undefined ? undefined : resolve(tls.ca) },
  }
}

interface Beside {
  /** What metadata.path says. */
  readonly path: string | undefined
  readonly isBucket: boolean
}

/** What each key allows and the keys together do not. */
export function postgresProblems(parsed: ParsedPostgres | undefined, { path, isBucket }: Beside): ConfigProblem[] {
  if (parsed === undefined) return []
  return [
    ...(isBucket ? [] : [{ path: AT, message: 'is for a bucket; a directory has its metadata in a file of SQLite' }]),
    ...(path === undefined ? [] : [{ path: AT, message: 'and metadata.path both say where the metadata is; leave one of them' }]),
    ...(parsed.url === undefined ? keyProblems(parsed) : urlProblems(parsed, readPostgresUrl(parsed.url.reveal()))),
  ]
}

const AT = 'metadata.postgres'

function keyProblems({ host, port, password, passwordfile, tls }: ParsedPostgres): ConfigProblem[] {
  return [
    ...(host === undefined ? [{ path: AT, message: 'names no server; write host, or url' }] : []),
    ...(password !== undefined && passwordfile !== undefined
      ? [{ path: `${AT}.password`, message: 'and passwordfile both say the password; leave one of them' }]
      : []),
    ...(port !== undefined && port > 65_535 ? [{ path: `${AT}.port`, message: 'is no port; write a number up to 65535' }] : []),
    ...socketProblems(host, tls !== undefined, 'tls'),
  ]
}

function urlProblems(parsed: ParsedPostgres, url: PostgresUrl | string): ConfigProblem[] {
  const path = `${AT}.url`
  if (typeof url === 'string') return [{ path, message: url }]
  const both = (['host', 'port', 'database', 'user', 'password'] as const).filter((name) => parsed[name] !== undefined)
  return [
    ...both.map((name) => ({ path: `${AT}.${name}`, message: 'belongs into metadata.postgres.url; leave one of them' })),
    ...(url.host === undefined ? [{ path, message: 'names no server; write postgres://host/database' }] : []),
    ...(url.password !== undefined && parsed.passwordfile !== undefined
      ? [{ path, message: 'has a password, and passwordfile too; leave one of them' }]
      : []),
    ...(url.isEncrypted === false && parsed.tls !== undefined
      ? [{ path, message: 'has sslmode=disable, and tls encrypts; leave one of them' }]
      : []),
    ...socketProblems(url.host, url.isEncrypted === true || parsed.tls !== undefined, parsed.tls === undefined ? 'url' : 'tls'),
  ]
}

function socketProblems(host: string | undefined, isEncrypted: boolean, name: string): ConfigProblem[] {
  if (!isEncrypted || host?.startsWith('/') !== true) return []
  return [{ path: `${AT}.${name}`, message: 'encrypts, which is for a server of the network; a socket needs no encryption' }]
}

/** Of an address that has been looked at. */
function addressIn(url: ParsedPostgres['url']): Partial<PostgresUrl> {
  const read = url && readPostgresUrl(url.reveal())
  return typeof read === 'object' ? read : {}
}
