/** What supervisor and workers tell each other, over the channel that the spawn opened. */
export type WorkerMessage =
  /** It serves. */
  | { readonly kind: 'listening'; readonly url: string; readonly store: string | undefined }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }

export type SupervisorMessage =
  /** Asks for something that the worker knows about itself. */
  { readonly kind: 'question'; readonly id: number; readonly question: string }

/** Set in the environment of a worker: its place among them, counted from 1. */
export const WORKER_VARIABLE = 'BERTH_WORKER'
/** Set when the configuration says port 0 and the first worker has found a free one. */
export const WORKER_PORT_VARIABLE = 'BERTH_WORKER_PORT'
/** The id of the storage that the first worker serves: another worker does not begin on another one. */
export const WORKER_STORE_VARIABLE = 'BERTH_WORKER_STORE'
/** How a worker ends that wants to be started anew at once: what it stands on was replaced. */
export const RESTART_EXIT_CODE = 75
/** How a worker ends where no worker can serve: another database stays at work on the storage. */
export const REFUSED_EXIT_CODE = 76
