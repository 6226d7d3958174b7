import type { LogFields } from './log.ts'

/** On whose behalf the registry changes something: the sender of a request, or a piece of work that the registry does unasked. */
export interface Actor {
  /** Of a request: as logs name its caller, undefined for a caller without a name. Else the name of the work. */
  readonly name: string | undefined
  /** The client's address; undefined on a unix socket, and for own work. */
  readonly address: string | undefined
  /** Undefined: no request asked for it. */
  readonly requestId: string | undefined
  /** What events tell of the request beside that; undefined where nothing listens, and for own work. */
  readonly request?: AskedRequest | undefined
}

export interface AskedRequest {
  readonly method: string
  /** As its Host header says. */
  readonly host: string | undefined
  readonly userAgent: string
  /** Where its sender finds the registry: scheme, host, and what stands before /v2/. */
  readonly root: string
}

/** The registry itself, with the name of what it does. */
export function ownWork(name: string): Actor {
  return { name, address: undefined, requestId: undefined }
}

/** In a log line. A user who is called as a piece of work is not taken for it. */
export function actorFields({ name, address, requestId }: Actor): LogFields {
  return requestId === undefined ? { work: name } : { user: name, client: address, requestId }
}
