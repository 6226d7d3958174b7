import type { Metadata } from './query.ts'

/** Tells the dead from the living. */
export interface Liveness {
  /** False once a process has ended, however it ended; never told by a clock. */
  isAlive(process: string): Promise<boolean>
}

/** What the processes of one storage know of each other, whichever database tells it. */
export interface ProcessLocks extends Liveness {
  /** The ids of the others that are alive. */
  living(): Promise<readonly { readonly id: string }[]>
  /** Runs a task while no process of the storage starts. Throws when another start takes too long. */
  whileStarting<Result>(task: () => Promise<Result>): Promise<Result>
  /** From here on this process counts as dead. */
  release(process: string): void
}

/** Metadata that its owner closes. */
export interface OwnedMetadata extends Metadata {
  /** Waits for the writes under way. Later calls fail. */
  close(): Promise<void>
}

/** The database as one process uses it, for its whole life. */
export interface OpenedDatabase {
  readonly metadata: OwnedMetadata
  readonly locks: ProcessLocks
  readonly processId: string
  /** What rows must carry to be more than a hint. It stays the same while any process is alive. */
  readonly epoch: number
  /** True when no other process was alive: this one settles what the last run left. */
  readonly beganEpoch: boolean
  /** The version of an old database that was brought to the present one, if it was. */
  readonly migratedFrom: number | undefined
  /** From now on no row is believed: each process that uses the database notices that, and starts anew. May be repeated. */
  abandon(): void | Promise<void>
}

/** Another living process works on this storage in a way that excludes us. The message says what to do. */
export class StorageInUseError extends Error {
  override readonly name = 'StorageInUseError'
}

/** The server of the database cannot be reached, or takes no work now: that passes. The message is its reason. */
export class DatabaseAwayError extends Error {
  override readonly name: string = 'DatabaseAwayError'
}

/** Processes of an older version are at work, which cannot use the tables of this one; the start is tried again until they have ended. The message says what to do. */
export class OlderVersionError extends DatabaseAwayError {
  override readonly name = 'OlderVersionError'
}
