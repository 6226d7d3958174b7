import type { StoredEvent } from '../../metadata/events/events.ts'

/** As many as one image may have: until more wait, each has an envelope of its own, as programs expect that read the first event alone. */
export const FEW_WAITING = 50
export const MOST_TOGETHER = 50
/** Of manifests in one envelope, which may tell what each of them names. */
const MOST_MANIFEST_BYTES = 1024 * 1024

/** Which of the waiting events an endpoint is told together, in their order. `isBehind`: more than a few waited, and it has not had all since. */
export function* inEnvelopes(waiting: readonly StoredEvent[], isBehind: boolean): Generator<readonly StoredEvent[]> {
  const most = isBehind ? MOST_TOGETHER : 1
  let together: StoredEvent[] = []
  let manifestBytes = 0
  for (const event of waiting) {
    const bytes = event.kind === 'manifest' ? (event.size ?? 0) : 0
    if (together.length === most || (together.length > 0 && manifestBytes + bytes > MOST_MANIFEST_BYTES)) {
      yield together
      together = []
      manifestBytes = 0
    }
    together.push(event)
    manifestBytes += bytes
  }
  if (together.length > 0) yield together
}
