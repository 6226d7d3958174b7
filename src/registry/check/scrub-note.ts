import type { Metadata, Query } from '../../metadata/query.ts'
import { readProperty, writeProperty } from '../../metadata/scans.ts'
import type { Digest } from '../../oci/digest.ts'

/** So many of the blobs that were moved aside are named; the log names all. */
const MOST_NAMED = 20

/** How far the reading of all bytes is: written down, so that another process, or this one after a restart, goes on from there. */
export interface ScrubNote {
  /** When the pass that is under way began, or the last one; by the wall clock. */
  readonly beganAtMs: number
  /** The last blob that was read; undefined: none yet, or the pass is over. */
  readonly after: string | undefined
  /** When the last whole pass ended. */
  readonly endedAtMs: number | undefined
  /** Of this pass. */
  readonly blobs: number
  readonly bytes: number
  readonly damaged: number
  readonly unreadable: number
  /** The newest ones that were found damaged, in any pass. */
  readonly latest: readonly { readonly digest: Digest; readonly atMs: number }[]
}

/** Undefined before the first pass. */
export async function readScrubNote(query: Query): Promise<ScrubNote | undefined> {
  const text = await readProperty(query, 'scrub')
  return text === undefined ? undefined : (JSON.parse(text) as ScrubNote)
}

export async function writeScrubNote(metadata: Metadata, note: ScrubNote): Promise<void> {
  await metadata.write((query) => writeProperty(query, 'scrub', JSON.stringify(note)))
}

/** A pass that begins. The blobs that the last pass moved aside stay named. */
export function newPass(last: ScrubNote | undefined, nowMs: number): ScrubNote {
  const { endedAtMs, latest = [] } = last ?? {}
  return { beganAtMs: nowMs, after: undefined, endedAtMs, blobs: 0, bytes: 0, damaged: 0, unreadable: 0, latest }
}

export function withDamaged(note: ScrubNote, digest: Digest, nowMs: number): ScrubNote {
  const latest = [{ digest, atMs: nowMs }, ...note.latest.filter((other) => other.digest !== digest)].slice(0, MOST_NAMED)
  return { ...note, damaged: note.damaged + 1, latest }
}
