import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { OpenedMetadata } from '../../src/metadata/sqlite/open.ts'
import type { OpenedStorage } from '../../src/opening/opened-storage.ts'
import { metadataLedger } from '../../src/opening/upload-ledger.ts'
import type { StorageDriver } from '../../src/storage/driver.ts'
import { type Disk, openDisk } from '../../src/storage/filesystem/disk.ts'
import { FilesystemDriver } from '../../src/storage/filesystem/filesystem.ts'
import { probeRoot } from '../../src/storage/filesystem/probe.ts'
import { KeySpace } from '../../src/storage/s3/key-space.ts'
import { S3Driver } from '../../src/storage/s3/s3.ts'
import { S3Objects } from '../../src/storage/s3/s3-objects.ts'
import { type ChangedAt, HeldBucket } from './held-bucket.ts'
import { type DiskHook, HeldDisk } from './held-disk.ts'
import { S3Client, type S3Place } from './s3-client.ts'
import { s3Settings } from './s3-storage.ts'
import { filesInBucket } from './stored-files.ts'
import { StoredLayout } from './stored-layout.ts'
import { TemporaryFolder } from './temporary-folder.ts'

/** Where a Berth inside a test keeps everything: a data directory, or a bucket. */
export type TestRoot = string | BucketRoot

export interface BucketRoot {
  readonly place: S3Place
  /** The directory of what stays on this machine: the database, the locks, parts of uploads. */
  readonly state: string
}

export interface RootOptions {
  /** Holds what changes the storage, or makes it fail. */
  readonly hook?: DiskHook
  /** Puts another disk in place of the real one; none where the root is a bucket. */
  readonly disk?: (disk: Disk) => Disk
  /** What a HEAD of a bucket says in place of the store's own time. */
  readonly changedAt?: ChangedAt
}

/** The storage of one process. */
export interface OpenedRoot extends Pick<OpenedStorage, 'objects' | 'metadataPath' | 'runDirectory'> {
  readonly driver: (opened: OpenedMetadata) => Promise<StorageDriver>
  /** What `kill -9` does to its calls. */
  readonly die: () => Promise<void>
}

export async function openRoot(root: TestRoot, options: RootOptions): Promise<OpenedRoot> {
  return typeof root === 'string' ? await openDirectory(root, options) : openBucketRoot(root, options)
}

export function metadataPath(root: TestRoot): string {
  return typeof root === 'string' ? join(root, 'berth/metadata.db') : join(root.state, 'metadata.db')
}

export function loseDatabase(root: TestRoot): void {
  for (const end of ['', '-wal', '-shm']) rmSync(metadataPath(root) + end, { force: true })
}

/** A file below the root as it is stored; undefined when there is none. */
export async function readStored(root: TestRoot, path: string): Promise<Uint8Array | undefined> {
  if (typeof root === 'string') return existsSync(join(root, path)) ? readFileSync(join(root, path)) : undefined
  const response = await new S3Client(root.place).send({ method: 'GET', key: path })
  const bytes = await response.bytes()
  if (response.ok || response.status === 404) return response.ok ? bytes : undefined
  throw new Error(`GET ${path} answered ${response.status}`)
}

/** By another program. */
export async function writeStored(root: TestRoot, path: string, bytes: Uint8Array): Promise<void> {
  if (typeof root === 'string') writeFileSync(join(root, path), bytes)
  else await new S3Client(root.place).put(path, bytes)
}

/** As registry:2 reads it. */
export async function layoutOf(root: TestRoot): Promise<StoredLayout> {
  if (typeof root === 'string') return new StoredLayout(root)
  using folder = new TemporaryFolder({ inMemory: true })
  const { paths, read } = await filesInBucket(root.place)
  for (const path of paths) await folder.file(join('docker/registry/v2', path), await read(path))
  return new StoredLayout(folder.path)
}

async function openDirectory(root: string, { hook, disk: replaced }: RootOptions): Promise<OpenedRoot> {
  await probeRoot(root)
  const realDisk = await openDisk(root)
  const disk = new HeldDisk(replaced?.(realDisk) ?? realDisk, root, hook ?? (() => undefined))
  return {
    objects: await FilesystemDriver.open(disk, root),
    metadataPath: metadataPath(root),
    runDirectory: join(root, 'berth/run'),
    driver: async ({ processId }) => await FilesystemDriver.open(disk, root, processId),
    die: async () => await disk.die(),
  }
}

function openBucketRoot(root: BucketRoot, { hook, changedAt }: RootOptions): OpenedRoot {
  const settings = s3Settings(root.place)
  const { credentials } = settings
  if (credentials === undefined) throw new Error('a test names its credentials')
  const bucket = new HeldBucket({ settings, credentials: async () => credentials }, hook ?? (() => undefined), changedAt)
  return {
    objects: new S3Objects(bucket, new KeySpace(settings.rootDirectory)),
    metadataPath: metadataPath(root),
    runDirectory: join(root.state, 'run'),
    driver: async ({ metadata, processId: owner }) => {
      const parts = { ledger: metadataLedger(metadata), partDirectory: join(root.state, 'parts', owner), owner }
      return new S3Driver({ settings, bucket, ...parts })
    },
    die: async () => await bucket.die(),
  }
}
