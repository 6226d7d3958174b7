import { describeMetadataContent } from '../../test/support/metadata-content-contract.ts'
import { describeMetadataLists } from '../../test/support/metadata-list-contract.ts'
import { describeMetadataMoves } from '../../test/support/metadata-move-contract.ts'
import { describeMetadataUploads } from '../../test/support/metadata-upload-contract.ts'
import { describeMetadataWork } from '../../test/support/metadata-work-contract.ts'
import { TemporaryFolder } from '../../test/support/temporary-folder.ts'
import { openMetadata } from './sqlite/open.ts'

async function openSqlite() {
  const folder = new TemporaryFolder()
  const { metadata, locks, processId } = await openMetadata({
    path: folder.join('metadata.db'),
    runDirectory: folder.join('run'),
    storeId: async () => 'store',
  })
  const cleanUp = async () => {
    await metadata.close()
    locks.release(processId)
    folder[Symbol.dispose]()
  }
  return { metadata, cleanUp }
}

describeMetadataContent('SQLite', openSqlite)
describeMetadataLists('SQLite', openSqlite)
describeMetadataWork('SQLite', openSqlite)
describeMetadataMoves('SQLite', openSqlite)
describeMetadataUploads('SQLite', openSqlite)
