import { mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import type { Log } from '../observe/log.ts'
import type { RegistryError } from '../oci/errors.ts'
import type { StorageDriver } from '../storage/driver.ts'
import { openDisk } from '../storage/filesystem/disk.ts'
import { FilesystemDriver } from '../storage/filesystem/filesystem.ts'
import { probeRoot } from '../storage/filesystem/probe.ts'
import { unwritableDisk } from '../storage/filesystem/unwritable-disk.ts'
import { MemoryDriver } from '../storage/memory/memory.ts'
import { localStateDirectory } from './local-state.ts'
import type { OpenedStorage } from './opened-storage.ts'

export interface OpenOptions {
  /** For so long an object store takes a request that must not come late. */
  readonly expiresSeconds?: number | undefined
}

/** Opens the storage that the configuration names. Throws UnusableRootError, or what the system reports. */
export async function openStorage(
  config: Config,
  log: Log | undefined,
  { expiresSeconds }: OpenOptions = {},
): Promise<OpenedStorage> {
  const { driver: chosen } = config.storage
  switch (chosen.kind) {
    case 'filesystem':
      return await openFilesystem(chosen.rootDirectory, config.metadata.path)
    case 'inmemory':
      return await openMemory()
    case 's3': {
      // Loaded only where it is used: it takes time and memory.
      const { openS3 } = await import('./open-s3.ts')
      return openS3(chosen, config.metadata.path, { log, expiresSeconds })
    }
  }
}

async function openFilesystem(root: string, metadataPath: string | undefined): Promise<OpenedStorage> {
  await probeRoot(root)
  const disk = await openDisk(root)
  const objects = await FilesystemDriver.open(disk, root)
  return {
    objects,
    metadataPath: metadataPath ?? (await defaultMetadataPath(root)),
    runDirectory: join(root, 'berth/run'),
    driver: ({ processId }) => FilesystemDriver.open(disk, root, processId),
    guard: () => undefined,
    hurry: () => undefined,
    cleanUp: () => objects.close(),
  }
}

/**
 * Opens a directory whose file system takes nothing, to serve pulls. What a start writes goes into a temporary directory, and with it
 * what the storage says is learned anew. Throws what the system reports when there is no such directory either.
 */
export async function openUnwritable(root: string, refusal: () => RegistryError): Promise<OpenedStorage> {
  const directory = await makeTemporary()
  return withLocalState(directory, FilesystemDriver.openToRead(unwritableDisk(await openDisk(root), refusal), root))
}

/** In a container whose root is read-only the last of them is memory, and can be written. */
async function makeTemporary(): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), 'berth-'))
  } catch {
    return await mkdtemp('/dev/shm/berth-')
  }
}

async function openMemory(): Promise<OpenedStorage> {
  return withLocalState(await makeTemporary(), new MemoryDriver())
}

/** Content that this driver keeps, beside a directory that goes when it is let go of: nothing of the start is written elsewhere. */
function withLocalState(directory: string, driver: StorageDriver): OpenedStorage {
  return {
    objects: driver,
    metadataPath: join(directory, 'metadata.db'),
    runDirectory: join(directory, 'run'),
    driver: async () => driver,
    guard: () => undefined,
    hurry: () => undefined,
    cleanUp: async () => {
      await driver.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** NFS, SMB (two), 9p, FUSE: SQLite's locks and shared memory cannot be relied on there. */
const NETWORK_FILE_SYSTEMS: ReadonlySet<number> = new Set([0x6969, 0xff534d42, 0xfe534d42, 0x01021997, 0x65735546])

async function defaultMetadataPath(root: string): Promise<string> {
  const { type } = await statfs(root)
  if (!NETWORK_FILE_SYSTEMS.has(type)) return join(root, 'berth/metadata.db')
  return join(localStateDirectory(), `metadata-${Bun.hash(root).toString(16)}.db`)
}
