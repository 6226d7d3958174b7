import type { Log } from '../../observe/log.ts'
import type { Admission, OpenConnection, Sockets } from './sockets.ts'
import { type ConnectionLimits, type Surplus, surplusOf } from './surplus.ts'

const LOOK_EVERY_MS = 500
/** While there are too many, and until there have not been for some time. */
const PRESSED_EVERY_MS = 10
const CALM_AFTER_MS = 10_000
/** Looking takes at most one part of so many of the time of a process. */
const SHARE_OF_TIME = 20
const LOG_EVERY_MS = 60_000
/** The last descriptors: new connections wait while only these are free. */
const SCARCE_DESCRIPTORS = 32
/** New connections wait at least for so long: those that had to go are gone by then. */
const REFUSED_FOR_MS = 1_000
/** A request waits for so long for a free descriptor. */
const ROOM_PATIENCE_MS = 5_000

export interface ConnectionBoundOptions {
  readonly sockets: Sockets
  readonly limits: ConnectionLimits
  /** A proxy brings the connections of many clients. */
  readonly isProxy: (address: string) => boolean
  readonly log: Log
  /** Is told of each connection that had to go. */
  readonly onCut?: (reason: Surplus['reason']) => void
}

/** A server, as the bound on its connections needs it. */
interface WorkingServer {
  /** Address and port of each client that the server is answering, as `192.0.2.1 51234`. */
  clientsAtWork(): Iterable<string>
}

/**
 * Keeps the connections of a process within their bounds, and some of its descriptors free for the files of requests. The servers
 * accept every connection, so those beyond a bound are looked for twice a second, and cut. Where descriptors run out in between, new
 * connections wait in the kernel until there are enough again.
 */
export class ConnectionBound {
  readonly #options: ConnectionBoundOptions
  /** The connections that the last look saw, in the order in which they were made. */
  #seen = new Map<string, number>()
  #made = 0
  #timer: Timer | undefined
  #looking: Promise<void> | undefined
  #admission: Admission = 'all'
  #scarceAt = Number.NEGATIVE_INFINITY
  #pressedAt = Number.NEGATIVE_INFINITY
  #unreported = { total: 0, address: 0 }
  #reportedAt = Number.NEGATIVE_INFINITY
  #toldScarceAt = Number.NEGATIVE_INFINITY
  #isStopped = false
  /** Where the servers listen; 0: not yet. */
  #port = 0
  #server: WorkingServer | undefined

  constructor(options: ConnectionBoundOptions) {
    this.#options = options
  }

  /** The server listens at the port, or listens there anew. */
  listens(port: number, server: WorkingServer): void {
    this.#port = port
    this.#server = server
    this.#options.sockets.deferSilent(port)
    this.#next(LOOK_EVERY_MS)
  }

  /** Lets connections begin again; a last look that is under way ends by itself. */
  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#admit('all')
  }

  /** Undefined: there is one. Else a promise of one, or of a wait in vain: then the file cannot be opened, and that is the answer. */
  whenDescriptorIsFree(): Promise<void> | undefined {
    return this.#options.sockets.hasFreeDescriptor() ? undefined : this.#makeRoom()
  }

  async #makeRoom(): Promise<void> {
    const { sockets } = this.#options
    const until = performance.now() + ROOM_PATIENCE_MS
    while (!sockets.hasFreeDescriptor() && performance.now() < until && !this.#isStopped) {
      await this.look()
      await Bun.sleep(PRESSED_EVERY_MS)
    }
  }

  /** Cuts what is beyond the bounds. Looks that are asked for while one is under way are that one. */
  async look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    await this.#looking
  }

  async #look(): Promise<void> {
    const before = process.threadCpuUsage()
    const { sockets, limits } = this.#options
    const open = sockets.openDescriptors()
    this.#admit(this.#admissionFor(open))
    // Connections are descriptors: with fewer of these nothing needs to be looked at.
    const surplus = open <= Math.min(limits.total, limits.perAddress) ? this.#forget() : await this.#surplus()
    for (const { connection, reason } of surplus) this.#cut(connection, reason)
    this.#report()
    // Of the processor: on a busy machine most of the time on the clock is other programs'.
    const { user, system } = process.threadCpuUsage(before)
    const tookMs = (user + system) / 1000
    if (surplus.length > 0 || this.#admission !== 'all') this.#pressedAt = performance.now()
    const isPressed = performance.now() - this.#pressedAt < CALM_AFTER_MS
    this.#next(Math.max(isPressed ? PRESSED_EVERY_MS : LOOK_EVERY_MS, tookMs * SHARE_OF_TIME))
  }

  #forget(): Surplus[] {
    this.#seen.clear()
    return []
  }

  async #surplus(): Promise<Surplus[]> {
    const { sockets, limits, isProxy } = this.#options
    const found = await sockets.connections(this.#port)
    const seen = new Map<string, number>()
    for (const connection of found) {
      const key = keyOf(connection)
      seen.set(key, this.#seen.get(key) ?? this.#made)
    }
    this.#made += 1
    this.#seen = seen
    const madeAt = (connection: OpenConnection) => seen.get(keyOf(connection)) ?? 0
    const atWork = new Set(this.#server?.clientsAtWork())
    const isAtWork = (connection: OpenConnection) => atWork.has(keyOf(connection))
    const inOrder = found.sort((one, other) => madeAt(one) - madeAt(other))
    return surplusOf(inOrder, limits, { isProxy, isAtWork })
  }

  #cut(connection: OpenConnection, reason: Surplus['reason']): void {
    const { sockets, onCut } = this.#options
    if (!sockets.cut(connection, this.#port)) return
    this.#unreported[reason] += 1
    onCut?.(reason)
  }

  #admissionFor(open: number): Admission {
    const left = this.#options.sockets.descriptorLimit - open
    if (left < SCARCE_DESCRIPTORS) {
      this.#scarceAt = performance.now()
      this.#tellScarce(open)
    }
    const scarceMsAgo = performance.now() - this.#scarceAt
    if (scarceMsAgo < REFUSED_FOR_MS || (this.#admission === 'none' && left < 2 * SCARCE_DESCRIPTORS)) return 'none'
    return scarceMsAgo < CALM_AFTER_MS ? 'few' : 'all'
  }

  #admit(how: Admission): void {
    if (how === this.#admission) return
    this.#admission = how
    this.#options.sockets.admit(this.#port, how)
  }

  /** One line a minute as well: connections are not all that takes descriptors. */
  #tellScarce(open: number): void {
    if (performance.now() - this.#toldScarceAt < LOG_EVERY_MS) return
    const { log, sockets } = this.#options
    log.warn('descriptors run out, new connections wait', { open, limit: sockets.descriptorLimit, setting: 'ulimit -n' })
    this.#toldScarceAt = performance.now()
  }

  /** One line a minute, whatever happens. */
  #report(): void {
    const { total, address } = this.#unreported
    if (total + address === 0 || performance.now() - this.#reportedAt < LOG_EVERY_MS) return
    const { limits, log } = this.#options
    log.warn('too many connections, some were closed', { total, address, ...mostOf(limits) })
    this.#unreported = { total: 0, address: 0 }
    this.#reportedAt = performance.now()
  }

  #next(afterMs: number): void {
    clearTimeout(this.#timer)
    if (this.#isStopped) return
    this.#timer = setTimeout(() => this.#lookAgain(), afterMs)
    this.#timer.unref()
  }

  #lookAgain(): void {
    this.look().catch((error: unknown) => {
      this.#options.log.error('connections could not be counted', { error })
      this.#next(LOOK_EVERY_MS)
    })
  }
}

/** As the server names its clients. */
function keyOf({ peer, peerPort }: OpenConnection): string {
  return `${peer} ${peerPort}`
}

function mostOf({ total, perAddress }: ConnectionLimits) {
  return { most: total, ...(Number.isFinite(perAddress) ? { mostOfAddress: perAddress } : {}) }
}
