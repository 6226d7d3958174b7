import type { Liveness } from '../../../metadata/processes.ts'
import type { Metadata } from '../../../metadata/query.ts'
import type { Log } from '../../../observe/log.ts'
import { NoteWriter } from './note-writer.ts'
import { newRun, putSyncNote, readSyncNote, type SyncNote } from './sync-note.ts'
import { type SyncedMirror, SyncRun } from './sync-run.ts'

export interface MirrorSyncsOptions {
  readonly mirrors: readonly SyncedMirror[]
  readonly metadata: Metadata
  readonly liveness: Liveness
  readonly processId: string
  readonly log: Log
}

/** A run that did not bring all is repeated so soon, or after the usual time where that is shorter. */
const AGAIN_MS = 10 * 60_000
/** A clock of the machine that went back by more makes a run due. */
const CLOCK_MARGIN_MS = 60_000
const CUT = 'its process was stopped; the next run goes on where this one was'

/** Another process brings what a rule names. */
export class SyncUnderWay extends Error {
  override readonly name = 'SyncUnderWay'
}

/** The scheduled mirrors of a registry: one process brings what their rules name, whatever number of processes there are. */
export class MirrorSyncs {
  readonly #options: MirrorSyncsOptions

  constructor(options: MirrorSyncsOptions) {
    this.#options = options
  }

  /** Brings what is due. Called about once in a second. Throws the reason of the signal. */
  async runDue(signal: AbortSignal): Promise<void> {
    const { mirrors, metadata } = this.#options
    const due: SyncedMirror[] = []
    for (const mirror of mirrors) if (this.#isDue(mirror, await readSyncNote(metadata.read, mirror.prefix))) due.push(mirror)
    const running = due.map((mirror) => this.#runUnlessUnderWay(mirror, signal))
    await Promise.allSettled(running)
    await Promise.all(running)
  }

  /** Brings what the rule of a mirror names, whether or not it is due. Throws SyncUnderWay, and the reason of the signal. */
  async run(mirror: SyncedMirror, signal: AbortSignal, onNote: (note: SyncNote) => void = () => undefined): Promise<SyncNote> {
    const { metadata, log } = this.#options
    const { prefix } = mirror
    const begun = await this.#begin(mirror)
    log.info('a scheduled mirror begins', { mirror: prefix, run: begun.run })
    const notes = new NoteWriter(metadata, prefix)
    const told = (note: SyncNote) => {
      onNote(note)
      notes.tell(note)
    }
    try {
      const ended = await new SyncRun({ ...this.#options, ...mirror, note: begun, onNote: told, signal }).run()
      await notes.end(ended)
      const { tags, blobs, bytes, failed, endedEarly } = ended
      const fields = { mirror: prefix, run: ended.run, tags, blobs, bytes, failed }
      if (endedEarly === undefined && failed === 0) log.info('a scheduled mirror is whole', fields)
      else log.warn('a scheduled mirror is not whole, it is tried again', { ...fields, because: endedEarly })
      return ended
    } catch (error) {
      const because = signal.aborted ? CUT : String(error)
      await notes.end({ ...(notes.last ?? begun), isCut: signal.aborted, endedAtMs: Date.now(), endedEarly: because })
      throw error
    }
  }

  /** One process at a time. */
  async #begin({ prefix, rule }: SyncedMirror): Promise<SyncNote> {
    const { metadata, liveness, processId } = this.#options
    const before = await readSyncNote(metadata.read, prefix)
    if (before !== undefined && before.endedAtMs === undefined && (await liveness.isAlive(before.process)))
      throw new SyncUnderWay(
        `What ${prefix} names is brought by another process since ${new Date(before.beganAtMs).toISOString()}.`,
      )
    const begun = newRun(before, processId, rule.text, Date.now())
    const isFirst = await metadata.write(async (query) => {
      const now = await readSyncNote(query, prefix)
      if (now?.run !== before?.run) return false
      await putSyncNote(query, prefix, begun)
      return true
    })
    if (!isFirst) throw new SyncUnderWay(`What ${prefix} names is brought by another process.`)
    return begun
  }

  async #runUnlessUnderWay(mirror: SyncedMirror, signal: AbortSignal): Promise<void> {
    try {
      await this.run(mirror, signal)
    } catch (error) {
      if (!(error instanceof SyncUnderWay)) throw error
    }
  }

  #isDue({ rule: { everyMs, text } }: SyncedMirror, note: SyncNote | undefined): boolean {
    if (note === undefined || note.endedAtMs === undefined || note.isCut || note.rule !== text) return true
    const nowMs = Date.now()
    const isWhole = note.wholeAtMs === note.endedAtMs
    const nextMs = isWhole ? note.beganAtMs + everyMs : note.endedAtMs + Math.min(everyMs, AGAIN_MS)
    return nowMs >= nextMs || note.beganAtMs > nowMs + CLOCK_MARGIN_MS
  }
}
