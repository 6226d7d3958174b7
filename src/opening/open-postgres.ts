import { readFile } from 'node:fs/promises'
import type { PostgresConfig } from '../config/schema/metadata/postgres-schema.ts'
import type { PostgresPlace } from '../metadata/postgres/connection.ts'
import { explained } from '../metadata/postgres/explain.ts'
import { openPostgres } from '../metadata/postgres/open.ts'
import { LIMITS } from '../metadata/postgres/postgres.ts'
import { FRESH_MS } from '../metadata/postgres/process-locks.ts'
import { whileHolding } from '../metadata/postgres/turn.ts'
import type { Database } from './database.ts'

/** The database of several machines. Throws PostgresUnusableError, StorageInUseError, and DatabaseAwayError while the server cannot be reached. */
export async function openInPostgres(config: PostgresConfig, storeId: () => Promise<string>): Promise<Omit<Database, 'place'>> {
  const lost = Promise.withResolvers<Error>()
  let isLost = false
  const onLost = (error: Error) => {
    isLost = true
    lost.resolve(error)
  }
  const place = await placeOf(config)
  const opened = await openPostgres({ place, storeId, onLost }).catch((error: unknown) => {
    throw explained(error, place)
  })
  const { metadata, locks, databaseId } = opened
  return {
    ...opened,
    setAside: undefined,
    id: async () => databaseId,
    isHeld: () => locks.isFresh,
    isLost: () => isLost,
    lostForMs: FRESH_MS,
    watch: ({ onReplaced }) => {
      let isWatched = true
      void lost.promise.then((error) => {
        if (isWatched) onReplaced(error)
      })
      return async () => {
        isWatched = false
      }
    },
    close: async () => {
      await metadata.close()
      await locks.leave()
    },
  }
}

/** Runs a task that changes accounts or keys while no other machine runs one. Throws a 503 while the server cannot be reached. */
export async function inTurnOfAccounts<Result>(config: PostgresConfig, task: () => Promise<Result>): Promise<Result> {
  return await whileHolding(await placeOf(config), LIMITS, 'accounts', task)
}

/** Throws when a file that it names is not there. */
export async function placeOf({ host, port, database, user, schema, ...secrets }: PostgresConfig): Promise<PostgresPlace> {
  const { password, passwordFile, tls } = secrets
  const reveal = passwordFile === undefined ? password && (async () => password.reveal()) : () => readPassword(passwordFile)
  // A file that is not there ends a start.
  await reveal?.()
  const ca = tls?.ca === undefined ? undefined : await readFile(tls.ca, 'utf8')
  return {
    server: host.startsWith('/') ? { socket: `${host}/.s.PGSQL.${port}` } : { host, port },
    ...{ database, user, schema },
    ...(reveal === undefined ? {} : { password: reveal }),
    ...(tls === undefined ? {} : { tls: ca === undefined ? {} : { ca } }),
  }
}

/** Read for each new connection: a changed one is taken up. */
async function readPassword(path: string): Promise<string> {
  return (await readFile(path, 'utf8')).replace(/\r?\n$/, '')
}
