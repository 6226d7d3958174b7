/** How long the server waits for a client whose turn it is. Infinity: for as long as the connection lives. */
export interface Patience {
  /** The client reads nothing of an answer. */
  readonly readerMs: number
  /** The client sends nothing of a body that it has begun. */
  readonly writerMs: number
}

const HOUR_MS = 3_600_000

/** registry:2 waits for ever. Clients that copy between two registries are silent for minutes; after an hour the other side is gone. */
export const PATIENCE: Patience = { readerMs: HOUR_MS, writerMs: HOUR_MS }
