import { afterEach, beforeEach, describe } from 'bun:test'
import { openMetadata } from '../../src/metadata/sqlite/open.ts'
import type { OpenedForContract } from './metadata-contract.ts'
import { describeOnPostgres, PostgresForContract } from './postgres-suite.ts'
import { TemporaryFolder } from './temporary-folder.ts'

/** A suite that runs on each database, each test over an empty one. */
export function describeOnEachEngine(title: string, body: (opened: () => OpenedForContract) => void): void {
  describe(`${title}, in SQLite`, () => body(openedForEach(openSqlite)))
  describeOnPostgres(`${title}, in PostgreSQL`, (server) => {
    const databases = new PostgresForContract(server)
    body(openedForEach(() => databases.open()))
  })
}

/** An empty database of SQLite. */
export async function openSqlite(): Promise<OpenedForContract> {
  const folder = new TemporaryFolder({ inMemory: true })
  const { metadata, locks, processId } = await openMetadata({
    ...{ path: folder.join('metadata.db'), runDirectory: folder.join('run'), storeId: async () => 'store' },
  })
  const cleanUp = async () => {
    await metadata.close()
    locks.release(processId)
    folder[Symbol.dispose]()
  }
  return { metadata, cleanUp }
}

function openedForEach(open: () => Promise<OpenedForContract>): () => OpenedForContract {
  let opened: OpenedForContract | undefined
  beforeEach(async () => {
    opened = await open()
  })
  afterEach(async () => {
    await opened?.cleanUp()
  })
  return () => {
    if (opened === undefined) throw new Error('no test is running')
    return opened
  }
}
