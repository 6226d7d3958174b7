import { afterAll, beforeAll } from 'bun:test'
import { LIMITS, PostgresMetadata } from '../../src/metadata/postgres/postgres.ts'
import { prepareDatabase } from '../../src/metadata/postgres/set-up.ts'
import type { OpenedForContract } from './metadata-contract.ts'
import { type PostgresAddress, PostgresServer, postgresPrograms, takePostgres } from './postgres-server.ts'
import { describeWith } from './requirements.ts'

/** How long a start takes at most. */
const START_MS = 120_000

/** A suite on the server that all files share. Where it is missing the suite is a visible skip, and on a build machine a failure. */
export function describeOnPostgres(title: string, body: (server: () => PostgresAddress) => void): void {
  describeWithServer(title, body, async () => {
    const taken = await takePostgres()
    return { server: taken.server, end: async () => await taken[Symbol.asyncDispose]() }
  })
}

/** A suite with a server of its own, which it may stop, and whose connections it may end. */
export function describeOnOwnPostgres(title: string, body: (server: () => PostgresServer) => void): void {
  describeWithServer(title, body, ownServer)
}

async function ownServer(): Promise<StartedServer<PostgresServer>> {
  const server = await PostgresServer.start()
  return { server, end: () => server[Symbol.asyncDispose]() }
}

interface StartedServer<Server> {
  readonly server: Server
  readonly end: () => Promise<void>
}

function describeWithServer<Server>(
  title: string,
  body: (server: () => Server) => void,
  start: () => Promise<StartedServer<Server>>,
): void {
  describeWith({ programs: [`${postgresPrograms() ?? ''}/postgres`] }, title, () => {
    let started: StartedServer<Server> | undefined
    beforeAll(async () => {
      started = await start()
    }, START_MS)
    body(() => {
      if (started === undefined) throw new Error('the server has not been started')
      return started.server
    })
    afterAll(async () => {
      await started?.end()
    })
  })
}

/** Databases for a contract: the tables are made once, and emptied after each test. */
export class PostgresForContract {
  readonly #server: () => PostgresAddress
  #opened: { readonly schema: string; readonly metadata: PostgresMetadata } | undefined

  constructor(server: () => PostgresAddress) {
    this.#server = server
    afterAll(async () => {
      await this.#opened?.metadata.close()
    })
  }

  async open(): Promise<OpenedForContract> {
    this.#opened ??= await this.#make()
    const { metadata, schema } = this.#opened
    return {
      metadata,
      cleanUp: async () => {
        await metadata.write((query) => query.run(emptied(schema)))
      },
    }
  }

  async #make(): Promise<{ readonly schema: string; readonly metadata: PostgresMetadata }> {
    const place = this.#server().place()
    const { schema } = place
    await prepareDatabase(place, LIMITS, { store: 'store' })
    const metadata = new PostgresMetadata({ place })
    await metadata.write(async (query) => {
      for (const table of ['counter', 'property']) await query.run(`CREATE TABLE begun_${table} AS TABLE ${table}`)
    })
    return { schema, metadata }
  }
}

/** In one exchange, without triggers. */
function emptied(schema: string): string {
  return `DO $do$ DECLARE name text; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = '${schema}' AND tablename NOT LIKE 'begun_%' AND tablename <> 'written' LOOP
      EXECUTE format('DELETE FROM %I', name);
    END LOOP;
    INSERT INTO counter SELECT * FROM begun_counter;
    INSERT INTO property SELECT * FROM begun_property;
    PERFORM setval('change_number', 0);
  END $do$`
}
