import { DatabaseAwayError } from '../processes.ts'
import type { PostgresPlace } from './connection.ts'
import { ConnectionLostError, sqlStateOf } from './errors.ts'
import { notOwn } from './own-sessions.ts'
import { PostgresUnusableError } from './unusable.ts'

/** The server is busy, starts, stops, has too many connections, or undid this transaction for another one; also what `told` makes of that. */
const PASSES = /^(?:40|57P|08|53|55P03|57014)/
/** What a certificate that is not trusted is called by the runtime. */
const UNTRUSTED = /CERT|VERIFY|SELF_SIGNED/
/** Of PgBouncer, which knows no more settings than a few; and of statements that another session had prepared, or had not. */
const OF_POOLER = /unsupported startup parameter/
const PREPARED_ELSEWHERE = /^(?:42P05|26000)$/

/** What keeps a database from being opened, in words for the operator: DatabaseAwayError where it may pass, PostgresUnusableError where it does not. */
export function explained(error: unknown, { user, database, schema }: PostgresPlace): unknown {
  const causes = [...causesOf(error)]
  const state = causes.map(sqlStateOf).find((found) => found !== '') ?? ''
  const message = causes.at(-1)?.message ?? String(error)
  const unusable = (sentence: string) => new PostgresUnusableError(sentence, { cause: error })
  if (causes.some((cause) => OF_POOLER.test(cause.message))) return notOwn('it refuses the settings of a session')
  if (PREPARED_ELSEWHERE.test(state)) return notOwn('its connections are shared')
  if (causes.some((cause) => 'code' in cause && UNTRUSTED.test(String(cause.code))))
    return unusable(`The certificate of PostgreSQL is not trusted (${message}); look at metadata.postgres.host and tls.ca.`)
  if (state.startsWith('28'))
    return unusable(
      `PostgreSQL does not let the role ${user} in (${message}); look at user and password below metadata.postgres.`,
    )
  if (state === '3D000')
    return unusable(`PostgreSQL has no database ${database}; make it, or name another as metadata.postgres.database.`)
  if (state === '42501')
    return unusable(
      `The role ${user} may not make or use the schema ${schema} (${message}); let it own the schema or the database.`,
    )
  if (state !== '' && !PASSES.test(state)) return error
  if (state !== '' || causes.some((cause) => cause instanceof ConnectionLostError))
    return new DatabaseAwayError(message, { cause: error })
  return error
}

function* causesOf(error: unknown): Generator<Error> {
  for (let cause = error; cause instanceof Error; cause = cause.cause) yield cause
}
