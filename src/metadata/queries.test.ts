import { openSqlite } from '../../test/support/each-engine.ts'
import { describeMetadataContent } from '../../test/support/metadata-content-contract.ts'
import type { OpenedForContract } from '../../test/support/metadata-contract.ts'
import { describeMetadataLists } from '../../test/support/metadata-list-contract.ts'
import { describeMetadataMoves } from '../../test/support/metadata-move-contract.ts'
import { describeMetadataUploads } from '../../test/support/metadata-upload-contract.ts'
import { describeMetadataWork } from '../../test/support/metadata-work-contract.ts'
import { describeOnPostgres, PostgresForContract } from '../../test/support/postgres-suite.ts'

describeContracts('SQLite', openSqlite)

describeOnPostgres('on a server', (server) => {
  const databases = new PostgresForContract(server)
  describeContracts('PostgreSQL', () => databases.open())
})

function describeContracts(name: string, open: () => Promise<OpenedForContract>): void {
  describeMetadataContent(name, open)
  describeMetadataLists(name, open)
  describeMetadataWork(name, open)
  describeMetadataMoves(name, open)
  describeMetadataUploads(name, open)
}
