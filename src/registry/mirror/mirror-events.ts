/** Is told what a mirror does, to count it. */
export interface MirrorEvents {
  /** A blob of so many bytes has come, the last of them from the registry at this origin. */
  fetched(bytes: number, origin: string): void
  /** The upstream did not answer, and what is here was served. */
  servedStale(): void
  /** So many images went for their size or age, and bytes with them. */
  evicted(images: number, bytes: number): void
}

export const NO_EVENTS: MirrorEvents = { fetched: () => undefined, servedStale: () => undefined, evicted: () => undefined }
