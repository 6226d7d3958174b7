import { readNote, writeNote } from '../../metadata/collecting/survey.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Survey } from './survey.ts'

/** Less than this is never held back: on a small registry one image is a large part. */
const ALWAYS_BYTES = 1024 * 1024 * 1024

/** What a pass would take, as the operator has to name it. */
export function tokenOf({ links, blobs }: Survey): string {
  return `${links.due + blobs.due}-${links.dueBytes + blobs.dueBytes}`
}

/**
 * True when so much falls due at once that something may have vanished from the storage rather than been deleted: more than `percent` of all
 * bytes. The operator says yes to a set of that size with `berth gc --confirm`.
 */
export async function brakes(metadata: Metadata, found: Survey, percent: number): Promise<boolean> {
  const bytes = found.links.dueBytes + found.blobs.dueBytes
  if (bytes <= ALWAYS_BYTES || bytes * 100 <= found.storedBytes * percent) return false
  return (await readNote(metadata.read, 'collector-confirmed')) !== tokenOf(found)
}

/** The operator says yes to what a pass has found. */
export async function confirm(metadata: Metadata, token: string): Promise<void> {
  await metadata.write((query) => writeNote(query, 'collector-confirmed', token))
}
