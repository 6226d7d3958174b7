import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { RecordedLog } from '../../../test/support/recorded-log.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { type OpenedMetadata, openMetadata } from '../../metadata/sqlite/open.ts'
import { digestOf } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import type { UploadState } from '../../storage/driver.ts'
import { FetchRows } from './fetch-rows.ts'

const FETCH = { repository: parseRepositoryName('hub/app'), digest: digestOf('sha256', new Uint8Array()) }
const TOLD = { file: 'berth/uploads/1' as UploadState, bytesId: 'bytes', size: 10 }

let folder: TemporaryFolder
let opened: OpenedMetadata
let dead: Set<string>
beforeEach(async () => {
  folder = new TemporaryFolder()
  const [path, runDirectory] = [folder.join('metadata.db'), folder.join('run')]
  opened = await openMetadata({ path, runDirectory, storeId: async () => 'store' })
  dead = new Set()
})
afterEach(async () => {
  await opened.metadata.close()
  opened.locks.release(opened.processId)
  folder[Symbol.dispose]()
})

/** What a process of the storage would have. */
function rowsOf(processId: string, epoch = opened.epoch): FetchRows {
  const liveness = { isAlive: async (process: string) => !dead.has(process) }
  return new FetchRows({ metadata: opened.metadata, liveness, processId, epoch, mirror: 'hub', log: new RecordedLog() })
}

describe('of all processes one brings a blob:', () => {
  test('another one does not begin while it lives, and begins anew when it has ended', async () => {
    const [one, other] = [rowsOf('one'), rowsOf('other')]

    expect(await one.begin(FETCH)).toEqual({ left: undefined })
    await one.tell(FETCH, TOLD)
    expect(await other.begin(FETCH)).toBeUndefined()
    expect(await one.find(FETCH)).toMatchObject({ process: 'one', bytesId: 'bytes' })

    await one.end(FETCH)
    expect(await other.begin(FETCH)).toEqual({ left: undefined })
  })

  test('another one goes on with what it has brought when it is dead, and only one of them', async () => {
    await rowsOf('one').begin(FETCH)
    await rowsOf('one').tell(FETCH, TOLD)
    dead.add('one')

    const begun = await Promise.all(['second', 'third'].map((process) => rowsOf(process).begin(FETCH)))

    expect(begun.filter((each) => each !== undefined)).toEqual([{ left: TOLD }])
  })

  test('in a new epoch another one begins from nothing: the machine may have lost bytes', async () => {
    await rowsOf('one').begin(FETCH)
    await rowsOf('one').tell(FETCH, TOLD)
    dead.add('one')

    expect(await rowsOf('other', opened.epoch + 1).begin(FETCH)).toEqual({ left: undefined })
  })

  test('the end of a fetch that another process has taken over changes nothing', async () => {
    await rowsOf('one').begin(FETCH)
    dead.add('one')
    await rowsOf('other').begin(FETCH)

    await rowsOf('one').end(FETCH)

    expect(await rowsOf('other').find(FETCH)).toMatchObject({ process: 'other' })
  })
})
