/** A connection of a client, as the kernel sees it. */
export interface OpenConnection {
  readonly descriptor: number
  readonly peer: string
  readonly peerPort: number
  /** For so long no byte has come or gone. */
  readonly idleMs: number
  /** Something is on its way to the client. */
  readonly isSending: boolean
  /** The client has been sent something. */
  readonly wasAnswered: boolean
}

/** The sockets of this process that belong to the servers at one port. */
export interface Sockets {
  /** How many descriptors this process may have open. */
  readonly descriptorLimit: number
  openDescriptors(): number
  /** Takes a microsecond. */
  hasFreeDescriptor(): boolean
  /** Takes a turn of the event loop for each 500 descriptors. */
  connections(port: number): Promise<OpenConnection[]>
  /** Ends the connection in both directions; the server then sees it end. False where it has ended already. */
  cut(connection: OpenConnection, port: number): boolean
  /** From now on the kernel keeps connections on which nothing was sent, and hands them over with their first bytes. */
  deferSilent(port: number): void
  /** 'few': a handful may wait to be accepted, in place of hundreds. 'none': connections that begin wait, their clients ask again. */
  admit(port: number, how: Admission): void
}

export type Admission = 'all' | 'few' | 'none'
