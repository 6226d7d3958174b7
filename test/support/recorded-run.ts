import { existsSync, linkSync, readFileSync, statSync } from 'node:fs'
import type { Metadata } from '../../src/metadata/query.ts'
import { NameTaken } from '../../src/registry/writes/operations.ts'
import { BerthInProcess, type InProcessOptions } from './berth-in-process.ts'
import { DiskModel, type DiskStep } from './disk-model.ts'
import { RecordingDisk } from './recording-disk.ts'
import type { TemporaryFolder } from './temporary-folder.ts'
import { metadataPath } from './test-root.ts'

/** The metadata database and its log, as they were committed at a moment. */
export interface DatabaseFiles {
  readonly database: Uint8Array
  readonly log: Uint8Array
}

/** After this moment a cut may come. */
export interface Moment {
  /** What the disk did, or undefined: a transaction was committed, or an operation acknowledged. */
  readonly step: DiskStep | undefined
  readonly database: DatabaseFiles
  /** The operations that were acknowledged by then. */
  readonly acknowledged: ReadonlySet<string>
}

/** Berth processes on one recorded disk, and the story of what they did to it. */
export class RecordedRun {
  readonly root: string
  readonly syncsNames: boolean
  readonly moments: Moment[] = []
  /** A second name of the database file, which therefore keeps its inode. */
  readonly keptDatabase: string
  readonly processes: BerthInProcess[] = []
  readonly #acknowledged = new Set<string>()
  #disk: RecordingDisk | undefined
  #waiting = Promise.withResolvers<void>()
  #lastDatabase: { readonly sizes: string; readonly files: DatabaseFiles } | undefined

  constructor(folder: TemporaryFolder, options: { readonly syncsNames: boolean }) {
    this.root = folder.join('data')
    this.keptDatabase = folder.join('kept.db')
    this.syncsNames = options.syncsNames
  }

  /** Starts one more process on the disk. */
  async start(options: Pick<InProcessOptions, 'hook' | 'collector'> = {}): Promise<BerthInProcess> {
    const berth = await BerthInProcess.start(this.root, {
      ...options,
      disk: (disk) => {
        this.#disk ??= new RecordingDisk(disk, this.root, { syncsNames: this.syncsNames, onStep: (step) => this.#note(step) })
        return this.#disk
      },
      metadata: (metadata) => this.#noting(metadata),
    })
    this.processes.push(berth)
    return berth
  }

  /** Resolves when a process needs a name that another one has, and waits. */
  async waiting(): Promise<void> {
    await this.#waiting.promise
  }

  acknowledge(operation: string): void {
    this.#acknowledged.add(operation)
    this.#note(undefined)
  }

  /** Ends the processes and keeps the database's inode: from here on the directory may be rebuilt. */
  async finish(): Promise<void> {
    for (const berth of this.processes) await berth.stop()
    linkSync(metadataPath(this.root), this.keptDatabase)
  }

  /** The disk after each moment, one after the other. */
  *replay(
    onStep: (model: DiskModel) => void = () => undefined,
  ): Generator<{ readonly moment: Moment; readonly model: DiskModel }> {
    const model = new DiskModel({ syncsNames: this.syncsNames })
    for (const moment of this.moments) {
      if (moment.step !== undefined) model.apply(moment.step)
      onStep(model)
      yield { moment, model }
    }
  }

  #noting(metadata: Metadata): Metadata {
    const write: Metadata['write'] = async (operation) => {
      try {
        const result = await metadata.write(operation)
        this.#note(undefined)
        return result
      } catch (error) {
        if (error instanceof NameTaken) this.#waiting.resolve()
        throw error
      }
    }
    return { read: metadata.read, revision: () => metadata.revision(), write }
  }

  #note(step: DiskStep | undefined): void {
    this.moments.push({ step, database: this.#databaseNow(), acknowledged: new Set(this.#acknowledged) })
  }

  /** Nothing folds the log in here: it only grows, and its size says whether it is another one. */
  #databaseNow(): DatabaseFiles {
    const path = metadataPath(this.root)
    const sizes = `${sizeOf(path)} ${sizeOf(`${path}-wal`)}`
    if (this.#lastDatabase?.sizes !== sizes) {
      this.#lastDatabase = { sizes, files: { database: readIfThere(path), log: readIfThere(`${path}-wal`) } }
    }
    return this.#lastDatabase.files
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

function readIfThere(path: string): Uint8Array {
  return existsSync(path) ? new Uint8Array(readFileSync(path)) : new Uint8Array()
}
