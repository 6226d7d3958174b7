import type { OpenedDatabase } from '../metadata/processes.ts'
import type { StorageDriver } from '../storage/driver.ts'

/** What a driver needs to know of the metadata beside it. Without a process that holds a life lock there is no id. */
export interface DriverBeside extends Pick<OpenedDatabase, 'metadata' | 'beganEpoch'> {
  readonly processId: string | undefined
}

/** The storage of the configuration, and where its metadata goes. */
export interface OpenedStorage {
  /** What is there without the metadata: enough to find out whose storage it is, and for records. */
  readonly objects: Pick<StorageDriver, 'stat' | 'readSmall' | 'list' | 'place' | 'remove'>
  readonly metadataPath: string
  /** Where the processes of this storage keep their locks. */
  readonly runDirectory: string
  /** The driver for the rest of the life of this process; the caller closes it. */
  readonly driver: (opened: DriverBeside) => Promise<StorageDriver>
  /** What clients see in the storage is changed only while this says that no other machine can have taken over. */
  readonly guard: (mayChange: () => boolean) => void
  /** What time the storage has, as its last answer showed it; left out where it is on this machine. */
  readonly storageTimeMs?: () => number
  /** The process ends: what fails from now on is not tried again for long. */
  readonly hurry: () => void
  /** Called last, whether or not there was a driver. */
  readonly cleanUp: () => Promise<void>
}
