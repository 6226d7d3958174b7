import type { FetchName, FetchRow } from '../../metadata/mirroring/fetches.ts'
import { pause } from '../../runtime/pause.ts'
import type { StorageDriver, UploadReader, UploadState } from '../../storage/driver.ts'
import type { BlobStore } from '../content/blob-store.ts'
import type { ArrivingBlob } from './arriving-blob.ts'
import { type FetchRows, toldFile } from './fetch-rows.ts'
import type { MirrorSpace } from './space/mirror-space.ts'

export interface FetchElsewhereParts {
  readonly rows: Pick<FetchRows, 'find' | 'isAlive'>
  readonly storage: Pick<StorageDriver, 'openUpload'>
  readonly blobs: Pick<BlobStore, 'find'>
  /** Undefined: it has no limit. */
  readonly space: Pick<MirrorSpace, 'isTooLarge'> | undefined
  readonly signal: AbortSignal
  /** Left out: by the clock. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>
}

/** How often the file is looked at: what is there is read at once, and only what has just come waits. */
const LOOK_MS = 10
/** Between the head of an answer and its first bytes, which every reader waits for: so many looks come sooner, and an upstream that stalls gets no more. */
const FIRST_LOOK_MS = 2
const FIRST_LOOKS = 50
/** While bytes are missing, of so many looks one asks which process brings them, and of so many whether it is alive. */
const LOOKS_TO_ROW = 10
const LOOKS_TO_PROCESS = 30

/** `passing`: the blob stays nowhere, so that the other process will not have it when this one asks. `nobody`: no other living process brings it. */
export type Followed = 'here' | 'passing' | 'nobody'

/** A blob that another process of this storage brings: its readers here take from the same file. */
export class FetchElsewhere {
  readonly #name: FetchName
  readonly #arriving: ArrivingBlob
  readonly #parts: FetchElsewhereParts
  #file: UploadState | undefined
  #reader: UploadReader | undefined
  /** How many bytes the file had at the last look. Undefined: there is no file, or the storage does not tell. */
  #come: number | undefined
  #firstLooks = 0
  /** As the upstream declared it. */
  #size: number | undefined
  #passes = false
  /** The process that brought it last has died. */
  #isDead = false

  constructor(name: FetchName, arriving: ArrivingBlob, parts: FetchElsewhereParts) {
    this.#name = name
    this.#arriving = arriving
    this.#parts = parts
  }

  /** Throws where another process has begun and given up: its bytes may have been wrong. */
  async follow(): Promise<Followed> {
    const { signal, pause: wait = pause } = this.#parts
    try {
      for (let looks = 0; ; looks += 1) {
        await this.#look()
        const isWhole = this.#come === undefined || this.#come === this.#size
        if ((isWhole || looks % LOOKS_TO_ROW === 0) && !(await this.#isBrought(looks))) return await this.#end()
        if (this.#passes) return 'passing'
        await wait(this.#pauseMs(), signal)
      }
    } finally {
      await this.#reader?.close()
    }
  }

  async #look(): Promise<void> {
    this.#come = await this.#reader?.size()
    if (this.#come !== undefined) this.#arriving.arrive(this.#come)
  }

  #pauseMs(): number {
    if (this.#come !== 0 || this.#firstLooks === FIRST_LOOKS) return LOOK_MS
    this.#firstLooks += 1
    return FIRST_LOOK_MS
  }

  async #isBrought(looks: number): Promise<boolean> {
    const { rows } = this.#parts
    const row = await rows.find(this.#name)
    this.#isDead = row !== undefined && looks % LOOKS_TO_PROCESS === 0 && !(await rows.isAlive(row))
    if (row === undefined || this.#isDead) return false
    await this.#open(row)
    return true
  }

  /** Where its bytes come now: a process that goes on for one that died has a file of its own. */
  async #open(row: FetchRow): Promise<void> {
    const told = toldFile(row)
    if (told === undefined || told.file === this.#file) return
    this.#passes = this.#parts.space?.isTooLarge(told.size) === true
    if (this.#passes) return
    const reader = await this.#parts.storage.openUpload(told.file)
    // It has ended meanwhile, and the row tells so next.
    if (reader === undefined) return
    await this.#reader?.close()
    this.#reader = reader
    this.#file = told.file
    this.#size = told.size
    this.#arriving.comeInto(told)
    await this.#look()
  }

  async #end(): Promise<Followed> {
    const { repository, digest } = this.#name
    const found = await this.#parts.blobs.find(repository, digest)
    if (found === undefined && this.#file !== undefined && !this.#isDead) throw this.#arriving.givenUp()
    if (found === undefined) return 'nobody'
    this.#arriving.end(found)
    return 'here'
  }
}
