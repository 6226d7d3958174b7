import type { Digest } from '../oci/digest.ts'

/** The clock of an object store may be off by so much, and its times are whole seconds. */
export const CLOCK_SLACK_MS = 10_000

/** What two sources tell of the images that a tag led to. All of them are there. */
export interface ImagesOfTag {
  readonly present: Digest
  /** When the tag last moved to each, by the records of moves. What another registry did is not among them. */
  readonly recorded: ReadonlyMap<Digest, number>
  /** When it last came to each, by its index in the storage. A copy or a restore makes that later than it was. */
  readonly remembered: ReadonlyMap<Digest, number>
}

/** To how many other images a tag has certainly moved since it left each one; 0 for the present one. */
export type MovesSince = ReadonlyMap<Digest, number>

/**
 * Undefined where neither source knows how the tag came to its present image: then there may have been any others. Where the sources leave open
 * which of two images was the later one, none counts as later, so that both stay longer.
 */
export function movesSince({ present, recorded, remembered }: ImagesOfTag): MovesSince | undefined {
  if (!recorded.has(present) && !remembered.has(present)) return undefined
  const spans = new Map(
    [...recorded.keys(), ...remembered.keys()].map((digest) => [digest, spanOf(digest, recorded, remembered)]),
  )
  const others = [...spans].filter(([digest]) => digest !== present)
  const presentMs = spans.get(present)?.latestMs ?? Number.POSITIVE_INFINITY
  // The present one came last. Times that say something else were set by a clock or a copy that nothing can be told from.
  const areTrusted = others.every(([, { earliestMs }]) => earliestMs <= presentMs)
  const starts = Float64Array.from(others, ([, { earliestMs }]) => earliestMs).sort()
  const since = (latestMs: number) => (areTrusted ? 1 + countAfter(starts, latestMs) : 1)
  return new Map([[present, 0], ...others.map(([digest, { latestMs }]) => [digest, since(latestMs)] as const)])
}

/** Between these times the tag last came to the image. */
interface Span {
  readonly earliestMs: number
  readonly latestMs: number
}

function spanOf(digest: Digest, recorded: ReadonlyMap<Digest, number>, remembered: ReadonlyMap<Digest, number>): Span {
  const [recordedMs, rememberedMs] = [recorded.get(digest), remembered.get(digest)]
  if (recordedMs === undefined) {
    const ms = rememberedMs ?? 0
    return { earliestMs: ms - CLOCK_SLACK_MS, latestMs: ms + CLOCK_SLACK_MS }
  }
  const isRecordOfIt = rememberedMs === undefined || rememberedMs <= recordedMs + CLOCK_SLACK_MS
  return { earliestMs: recordedMs, latestMs: isRecordOfIt ? recordedMs : rememberedMs + CLOCK_SLACK_MS }
}

/** How many of these times, in their order, are later. */
function countAfter(times: Float64Array, ms: number): number {
  let [low, high] = [0, times.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((times[middle] ?? 0) > ms) high = middle
    else low = middle + 1
  }
  return times.length - low
}
