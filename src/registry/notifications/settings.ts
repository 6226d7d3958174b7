import type { EventLimits } from '../events/event-keeping.ts'

/** Where events go, and how, in the words of registry:2. */
export interface EndpointSettings {
  readonly name: string
  readonly url: string
  /** Sent with each request. They may be secrets. */
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly timeoutMs: number
  /** After so many failures in a row there is a pause before each further try. */
  readonly threshold: number
  readonly backoffMs: number
  readonly ignoredMediaTypes: readonly string[]
  readonly ignoredActions: readonly string[]
}

export interface NotificationSettings extends EventLimits {
  readonly endpoints: readonly EndpointSettings[]
  /** An event says what its manifest names. */
  readonly includesReferences: boolean
  /** The port that events name as that of their source; undefined on a unix socket. */
  readonly port: number | undefined
  /** Pulls are events as well. */
  readonly recordsPulls: boolean
  /** So many requests may listen to events at a time, in each process. */
  readonly listenersAtMost: number
  readonly webhooks: {
    /** They may go to addresses of this machine. */
    readonly allowsLoopback: boolean
    /** The URL of the HTTP proxy that they go through; undefined: none. It may hold a password. */
    readonly proxy: string | undefined
  }
}
