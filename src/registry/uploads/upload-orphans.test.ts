import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { RestartableRegistry } from '../../../test/support/restartable-registry.ts'
import { bytesOf } from '../../../test/support/storage-driver-contract.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import type { UploadState } from '../../storage/driver.ts'
import { openDisk } from '../../storage/filesystem/disk.ts'
import { FilesystemDriver } from '../../storage/filesystem/filesystem.ts'
import { UploadOrphans } from './upload-orphans.ts'

const HOUR_MS = 3_600_000
const [ME, OTHER, DEAD] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()]

let berth: RestartableRegistry

beforeEach(async () => {
  berth = await RestartableRegistry.start({ storage: 'filesystem' }, { database: 'kept', maintenance: 'off' })
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
})

/** A file that a process began so long ago. */
async function begun(owner: string | undefined, ageMs: number): Promise<UploadState> {
  const driver = await FilesystemDriver.open(await openDisk(berth.dataDirectory), berth.dataDirectory, owner)
  const writer = await driver.beginUpload()
  await writer.write(bytesOf('x'))
  await writer.close()
  const then = new Date(Date.now() - ageMs)
  await utimes(join(berth.dataDirectory, writer.state, 'data'), then, then)
  return writer.state
}

/** What is left when this process, beside another living one, has looked. */
async function left(open: readonly UploadState[] = []): Promise<string[]> {
  const { storage, metadata } = berth
  const uploads = { isOpen: (state: UploadState) => open.includes(state) }
  const liveness = { isAlive: async (process: string) => process !== DEAD }
  await new UploadOrphans({ storage, metadata, liveness, processId: ME, uploads }).run()
  return (await storage.listUploads()).map(({ state }) => state)
}

describe('bytes that no session names', () => {
  test('go at once where the process that began them is gone', async () => {
    await begun(DEAD, 0)

    expect(await left()).toEqual([])
  })

  test('go when no request of this process has them open, half a minute after they were begun', async () => {
    const [open, young] = [await begun(ME, HOUR_MS), await begun(ME, 1_000)]
    await begun(ME, 31_000)

    expect((await left([open])).sort()).toEqual([open, young].sort())
  })

  test('stay where another living process began them: it knows what it has open', async () => {
    const other = await begun(OTHER, 2 * HOUR_MS)

    expect(await left()).toEqual([other])
  })

  test('go after an hour where it is not known which process began them', async () => {
    const young = await begun(undefined, HOUR_MS / 2)
    await begun(undefined, 2 * HOUR_MS)

    expect(await left()).toEqual([young])
  })
})

test('bytes that a session names stay, whichever process began them and however old they are', async () => {
  const { uploads } = berth.registry
  const { uploadId } = await uploads.start(parseRepositoryName('app'), 'sha256')
  const state = await begun(DEAD, 2 * HOUR_MS)
  await berth.metadata.write((query) => query.run('UPDATE upload SET state = ? WHERE id = ?', state, uploadId))

  expect(await left()).toEqual([state])
})
