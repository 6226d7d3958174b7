import { resolve } from 'node:path'
import type { z } from 'zod'
import type { ConfigProblem } from '../../config-error.ts'
import { key, optionalKey, optionalSection, requiredKey } from '../keys.ts'
import { filled, secret, text, wholeNumber } from '../values.ts'

const postgresPort = wholeNumber(1)

export const postgres = optionalSection(
  {
    host: requiredKey(filled, {
      about: 'The name or address of the server, or the folder of its socket.',
      example: 'postgres.example.com',
    }),
    port: key(postgresPort, { default: '5432', example: '5433', about: 'Where the server listens.' }),
    database: key(filled, { default: 'berth', example: 'registry', about: 'The database, with the encoding UTF8.' }),
    user: key(filled, { default: 'berth', example: 'registry', about: 'The role that owns the schema, or may make it.' }),
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

export function postgresConfig({ passwordfile, tls, ...parsed }: ParsedPostgres) {
  return {
    ...parsed,
    passwordFile: passwordfile === undefined ? undefined : resolve(passwordfile),
    tls: tls && { ca: tls.ca === undefined ? undefined : resolve(tls.ca) },
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
  const at = 'metadata.postgres'
  return [
    ...(isBucket ? [] : [{ path: at, message: 'is for a bucket; a directory has its metadata in a file of SQLite' }]),
    ...(path === undefined ? [] : [{ path: at, message: 'and metadata.path both say where the metadata is; leave one of them' }]),
    ...(parsed.password !== undefined && parsed.passwordfile !== undefined
      ? [{ path: `${at}.password`, message: 'and passwordfile both say the password; leave one of them' }]
      : []),
    ...(parsed.port > 65_535 ? [{ path: `${at}.port`, message: 'is no port; write a number up to 65535' }] : []),
    ...(parsed.tls !== undefined && parsed.host.startsWith('/')
      ? [{ path: `${at}.tls`, message: 'is for a server of the network; a socket needs none' }]
      : []),
  ]
}
