import type { Metadata } from '../../../metadata/query.ts'
import { putSyncNote, type SyncNote } from './sync-note.ts'

/** How far a run is, is written down so often. */
const EVERY_MS = 1_000

/** Writes down how far a run is, now and then, and how it ended. */
export class NoteWriter {
  readonly #metadata: Metadata
  readonly #mirror: string
  #last: SyncNote | undefined
  #writing: Promise<void> = Promise.resolve()
  #nextAtMs = performance.now() + EVERY_MS

  constructor(metadata: Metadata, mirror: string) {
    this.#metadata = metadata
    this.#mirror = mirror
  }

  /** What it was told last. */
  get last(): SyncNote | undefined {
    return this.#last
  }

  tell(note: SyncNote): void {
    this.#last = note
    if (performance.now() < this.#nextAtMs) return
    this.#nextAtMs = performance.now() + EVERY_MS
    // What could not be written is written with the next one.
    this.#writing = this.#write(note).catch(() => undefined)
  }

  async end(note: SyncNote): Promise<void> {
    await this.#writing
    await this.#write(note)
  }

  async #write(note: SyncNote): Promise<void> {
    await this.#metadata.write((query) => putSyncNote(query, this.#mirror, note))
  }
}
