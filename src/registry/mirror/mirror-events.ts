/** Is told what a mirror does, to count it. */
export interface MirrorEvents {
  /** A blob of so many bytes has come, the last of them from the registry at this origin. */
  fetched(bytes: number, origin: string): void
  /** The upstream did not answer, and what is here was served. */
  servedStale(): void
}

export const NO_EVENTS: MirrorEvents = { fetched: () => undefined, servedStale: () => undefined }
