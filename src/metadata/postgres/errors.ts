import { unavailable } from '../../oci/errors.ts'
import { MetadataNotWritableError } from '../query.ts'

/** The connection is not to be used any more: nothing tells what became of what was asked. */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError'
}

/** The five letters of the SQL standard for what the server reports; '' for all else. The runtime has them in `errno`. */
export function sqlStateOf(error: unknown): string {
  const isOfServer = error instanceof Error && 'code' in error && error.code === 'ERR_POSTGRES_SERVER_ERROR'
  return isOfServer && 'errno' in error && typeof error.errno === 'string' ? error.errno : ''
}

/** The server reported it and goes on with the connection. 57P: it ends it; 08 and 25P03: it has. */
export function isOfStatement(error: unknown): boolean {
  const state = sqlStateOf(error)
  return state !== '' && !/^(?:57P|08|25P03|XX)/.test(state)
}

/** The server has rolled the transaction back because of others: the same once more may succeed. */
export function isRepeatable(error: unknown): boolean {
  return sqlStateOf(error).startsWith('40')
}

/** What a caller is told. */
export function told(error: unknown): unknown {
  if (error instanceof ConnectionLostError) return awayError(error)
  const state = sqlStateOf(error)
  // lock_timeout, statement_timeout, too many others.
  if (/^(?:55P03|57014|40)/.test(state))
    return unavailable('The metadata database is busy; try again in a moment.', { cause: error })
  // Of `require_living`: its session has ended.
  if (state === 'BD001') return awayError(error)
  // Its disk is full; it is a standby, or was made read-only.
  if (/^(?:53100|25006)/.test(state)) return new MetadataNotWritableError(error)
  if (/^(?:53|57P|08)/.test(state)) return awayError(error)
  return error
}

function awayError(cause: unknown): Error {
  return unavailable('The metadata database cannot be reached; try again in a moment.', { cause })
}
