import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { prepareFile } from '../metadata/sqlite/database-file.ts'
import { SqliteMetadata } from '../metadata/sqlite/sqlite.ts'
import type { Log } from '../observe/log.ts'
import type { StorageDriver } from '../storage/driver.ts'
import { openDisk } from '../storage/filesystem/disk.ts'
import { FilesystemDriver } from '../storage/filesystem/filesystem.ts'
import { openStorage } from './open-storage.ts'

/** A storage by itself, for work on it that is no serving. */
export interface LoneStorage {
  readonly driver: StorageDriver
  /** Where servers of this storage would keep their locks; for an object store a folder of its own. */
  readonly runDirectory: string
  close(): Promise<void>
}

/** Opens a storage to write to it. What a server keeps beside it goes into a temporary directory. Throws as openStorage does. */
export async function openAlone(config: Config, log: Log): Promise<LoneStorage> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-'))
  const path = join(directory, 'metadata.db')
  try {
    const opened = await openStorage(
      { ...config, storage: withoutCache(config.storage), metadata: { path, postgres: undefined } },
      log,
    )
    prepareFile({ path, isOwnPlace: true }, 'nobody serves it')
    const metadata = new SqliteMetadata(path)
    const driver = await opened.driver({ metadata, beganEpoch: false, processId: undefined })
    const close = async () => {
      await driver.close()
      await metadata.close()
      await opened.cleanUp()
      await rm(directory, { recursive: true, force: true })
    }
    return { driver, runDirectory: opened.runDirectory, close }
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}

/** A look at a storage shows what is there now, not what was remembered. */
function withoutCache({ driver, ...storage }: Config['storage']): Config['storage'] {
  return { ...storage, driver: driver.kind === 's3' ? { ...driver, cache: undefined } : driver }
}

/** Opens a storage to read it. A directory is not changed, and may be read-only. */
export async function openToRead(config: Config, log: Log): Promise<Pick<LoneStorage, 'driver' | 'close'>> {
  const { driver: chosen } = config.storage
  if (chosen.kind !== 'filesystem') return await openAlone(config, log)
  const driver = FilesystemDriver.openToRead(await openDisk(chosen.rootDirectory), chosen.rootDirectory)
  return { driver, close: () => driver.close() }
}
