import type { OpenedDatabase } from '../metadata/processes.ts'

export interface Watched {
  /** What this process stands on is not its own any more: it must start anew. */
  readonly onReplaced: (error: Error) => void
  readonly onFailure: (error: unknown) => void
}

/** The metadata database of the configuration, as one process uses it. */
export interface Database extends OpenedDatabase {
  /** For people: a path, or a server. */
  readonly place: string
  /** Why an old database was set aside, if one was. */
  readonly setAside: string | undefined
  /** Names the database to those that have another one on the same storage, the same for all of its processes for ever. */
  readonly id: () => Promise<string>
  /** Whether no other process can have settled what this one does. */
  readonly isHeld: () => boolean
  /** Whether the others took this process for dead: it begins nothing more with the database. */
  readonly isLost: () => boolean
  /** For so long after the others take this process for dead it may still begin something in the storage; it has ended where this is 0. */
  readonly lostForMs: number
  /** Begins to look after it. Gives what ends that. */
  readonly watch: (watched: Watched) => () => Promise<void>
  /** Called last: from then on this process counts as dead. */
  readonly close: () => Promise<void>
}
