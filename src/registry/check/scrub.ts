import { listRepositoriesHolding } from '../../metadata/collecting/damage.ts'
import { listRepositoriesLinking } from '../../metadata/content.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Log } from '../../observe/log.ts'
import type { Digest } from '../../oci/digest.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { entryAt } from '../../storage/layout-entry.ts'
import type { StorageFault } from '../../storage/storage-errors.ts'
import type { BlobBytes, SeenFile } from './blob-bytes.ts'
import { walkBlobs } from './blob-walk.ts'
import type { Quarantine, Quarantined } from './quarantine.ts'
import { newPass, readScrubNote, type ScrubNote, withDamaged, writeScrubNote } from './scrub-note.ts'

/** A whole pass is followed by another one after so long, counted from its beginning. */
const PASS_EVERY_MS = 7 * 24 * 60 * 60 * 1000
const NOTED_EVERY_MS = 10_000
const REPOSITORIES_NAMED = 5

/** storage.maintenance.scrub. */
export interface ScrubPolicy {
  readonly enabled: boolean
  /** 0: as fast as it goes. */
  readonly bytesPerSecond: number
}

export interface ScrubOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly bytes: BlobBytes
  readonly quarantine: Quarantine
  /** Nothing may be changed: what is damaged could not be moved aside. */
  readonly isReadOnly: boolean
  /** Throws when the storage as a whole does not answer, or is not there. */
  readonly askStorage: () => Promise<unknown>
  readonly log: Log
  readonly onRead: (read: ScrubbedBlob) => void
}

export interface ScrubbedBlob {
  readonly bytes: number
  readonly verdict: 'whole' | 'damaged' | 'unreadable'
}

/** Reads all bytes from end to end, a little at a time, for as long as the registry runs: a bit that flips on a disk is found before a pull finds it. */
export class Scrub {
  readonly #options: ScrubOptions

  constructor(options: ScrubOptions) {
    this.#options = options
  }

  /** Goes on with the pass that is under way, or begins one that is due. Ends early when the signal aborts, and keeps its place. */
  async run(signal: AbortSignal): Promise<void> {
    const { metadata, isReadOnly } = this.#options
    if (isReadOnly) return
    const last = await readScrubNote(metadata.read)
    if (last !== undefined && isOver(last) && Date.now() - last.beganAtMs < PASS_EVERY_MS) return
    const pass = new Pass(last === undefined || isOver(last) ? newPass(last, Date.now()) : last, metadata)
    try {
      await this.#readAll(pass, signal)
      // A storage that is not mounted looks empty: this pass has read nothing of it.
      await this.#options.askStorage()
      await pass.end()
    } catch (error) {
      await pass.save()
      if (!signal.aborted || error !== signal.reason) throw error
    }
  }

  async #readAll(pass: Pass, signal: AbortSignal): Promise<void> {
    const { storage, log } = this.#options
    const onUnreadable = async (path: string, error: StorageFault) => {
      await this.#options.askStorage()
      log.error('a directory of blobs cannot be read', { path, error: error.cause ?? error })
      pass.countUnreadable()
    }
    for await (const files of walkBlobs(storage, { after: pass.note.after, onUnreadable })) {
      for (const { path } of files) {
        signal.throwIfAborted()
        const entry = entryAt(path)
        if (entry?.kind === 'blob') await this.#read(entry.digest, pass, signal)
        await pass.goOn(path)
      }
    }
  }

  async #read(digest: Digest, pass: Pass, signal: AbortSignal): Promise<void> {
    const { bytes, log, onRead } = this.#options
    const verdict = await bytes.verify(digest, signal)
    switch (verdict.kind) {
      case 'absent':
        return
      case 'whole':
        pass.count(verdict.size)
        return onRead({ bytes: verdict.size, verdict: 'whole' })
      case 'unreadable':
        log.error('the bytes of a blob cannot be read', { digest, repositories: await this.#uses(digest), error: verdict.cause })
        pass.countUnreadable()
        return onRead({ bytes: 0, verdict: 'unreadable' })
      case 'damaged':
        await this.#takeAside(digest, verdict.seen, pass)
        return onRead({ bytes: verdict.seen.size, verdict: 'damaged' })
    }
  }

  async #takeAside(digest: Digest, seen: SeenFile, pass: Pass): Promise<void> {
    const { quarantine, log, askStorage } = this.#options
    const repositories = await this.#uses(digest)
    pass.countDamaged(digest, seen.size)
    const fields = { digest, bytes: seen.size, repositories }
    let outcome: Quarantined
    try {
      outcome = await quarantine.take(digest, seen, 'scrub')
    } catch (error) {
      log.error('a blob is damaged, and could not be moved aside', { ...fields, error })
      await askStorage()
      return
    }
    if (outcome === 'quarantined') log.error('a blob is damaged: it was moved aside, and must be pushed again', fields)
    else if (outcome === 'restored') log.warn('a manifest was damaged: its bytes are restored from the metadata', fields)
    else log.warn('a blob is damaged and stays: it changes at this moment', fields)
  }

  async #uses(digest: Digest): Promise<readonly string[]> {
    const { read } = this.#options.metadata
    const linking = await listRepositoriesLinking(read, digest, REPOSITORIES_NAMED)
    const holding = await listRepositoriesHolding(read, digest, REPOSITORIES_NAMED)
    return [...new Set([...linking, ...holding])].slice(0, REPOSITORIES_NAMED)
  }
}

function isOver({ after, endedAtMs, beganAtMs }: ScrubNote): boolean {
  return after === undefined && endedAtMs !== undefined && endedAtMs >= beganAtMs
}

/** The note of the pass that is under way. */
class Pass {
  readonly #metadata: Metadata
  note: ScrubNote
  #savedAtMs = performance.now()

  constructor(note: ScrubNote, metadata: Metadata) {
    this.note = note
    this.#metadata = metadata
  }

  count(bytes: number): void {
    this.note = { ...this.note, blobs: this.note.blobs + 1, bytes: this.note.bytes + bytes }
  }

  countUnreadable(): void {
    this.note = { ...this.note, unreadable: this.note.unreadable + 1 }
  }

  countDamaged(digest: Digest, bytes: number): void {
    this.count(bytes)
    this.note = withDamaged(this.note, digest, Date.now())
  }

  /** A file has been read. Its place is written down from time to time. */
  async goOn(after: string): Promise<void> {
    this.note = { ...this.note, after }
    if (performance.now() - this.#savedAtMs > NOTED_EVERY_MS) await this.save()
  }

  async end(): Promise<void> {
    this.note = { ...this.note, after: undefined, endedAtMs: Date.now() }
    await this.save()
  }

  async save(): Promise<void> {
    await writeScrubNote(this.#metadata, this.note)
    this.#savedAtMs = performance.now()
  }
}
