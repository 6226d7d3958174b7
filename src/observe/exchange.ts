/** What answered a request, in the words of registry:2's metrics, and `api`, `page`, `referrers`, `root` and `search` beside them. */
export type HandlerName =
  | 'api'
  | 'base'
  | 'blob'
  | 'blob_upload'
  | 'blob_upload_chunk'
  | 'catalog'
  | 'manifest'
  | 'page'
  | 'referrers'
  | 'root'
  | 'search'
  | 'tags'
  | 'token'

/** One request and its answer, as logs, metrics and traces see it. */
export interface Exchange {
  readonly request: Request
  /** Path and query, as far as they could be read. */
  readonly target: string
  readonly requestId: string
  /** The client's address: the peer's, or the one that a trusted proxy names; undefined on a unix socket. */
  readonly client: string | undefined
  /** The peer, where that is a proxy that names its client. */
  readonly proxy?: string | undefined
  /** Undefined when nothing is at the path. */
  readonly handler: HandlerName | undefined
  /** The caller's name, where it was proven. */
  readonly caller: string | undefined
  readonly status: number
  /** Bytes of the answer's body; undefined where only its end will tell. */
  readonly answeredBytes: number | undefined
  /** The spec's code where the answer is an error. */
  readonly errorCode: string | undefined
  /** Set when the request was not let in. */
  readonly denial: Denial | undefined
  readonly startedAtMs: number
  /** Until the answer's headers: its body may still be on its way. */
  readonly durationMs: number
}

/** Why a request was not let in. */
export interface Denial {
  /** Undefined when the client had no credentials and learns how to log in. */
  readonly reason: string | undefined
  /** The name that the client gave, where it was not proven. */
  readonly claimed: string | undefined
}

/** Is told of every request but the probes. Never throws, never waits. */
export interface RequestObserver {
  /** The request has found its handler, and an `ended` with it will follow. */
  routed?(handler: HandlerName): void
  ended(exchange: Exchange): void
}
