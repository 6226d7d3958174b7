const MIB = 1024 * 1024
const SMALLEST_RESERVE_BYTES = 16 * MIB
const LARGEST_RESERVE_BYTES = 1024 * MIB

/** What stays free of a disk of that size, for deletes and metadata: one percent, 16 MiB at least and 1 GiB at most. */
export function reserveOf(totalBytes: number): number {
  return Math.min(Math.max(Math.floor(totalBytes / 100), SMALLEST_RESERVE_BYTES), LARGEST_RESERVE_BYTES)
}
