import { EventEmitter, once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { type Head, WireReader } from './http-wire.ts'
import { Exchange, type ExchangeParts, type StoreConnection } from './store-exchange.ts'
import type { FaultRule, StoreFault } from './store-faults.ts'
import type { KeyTimes } from './store-list.ts'
import { parseStoreRequest, type StoreAction } from './store-request.ts'

/** One request that came by. */
export interface SeenRequest {
  readonly action: StoreAction
  readonly key: string
  readonly fault: StoreFault['kind'] | undefined
  /** What the store answered; undefined when it was not asked, or did not answer. */
  status?: number
}

/** Writes after which a key is in every list of a store that tells the truth. */
const WRITES: readonly StoreAction[] = ['PutObject', 'CopyObject', 'CompleteMultipartUpload']

/**
 * Stands before a store on a port of its own and passes every request and every answer on byte for byte, but for what its rules say.
 * Signatures stay right: the client signs the proxy's address, and the store sees that address as the Host. Holds no body in memory,
 * but for lists, and requests that stall or are delivered late.
 */
export class StoreProxy implements AsyncDisposable {
  readonly endpoint: string
  /** Every request since the start, or since the counts were last taken. */
  #seen: SeenRequest[] = []
  readonly #server: Server
  readonly #target: { readonly host: string; readonly port: number }
  readonly #connections = new Set<Socket>()
  readonly #late = new Set<Promise<void>>()
  readonly #written: KeyTimes = new Map()
  readonly #faults = new EventEmitter()
  #rules: readonly FaultRule[] = []

  private constructor(server: Server, target: URL) {
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
    this.endpoint = `http://127.0.0.1:${address.port}`
    this.#server = server
    this.#target = { host: target.hostname, port: Number(target.port) }
    server.on('connection', (client) => void this.#serve(client))
  }

  /** `endpoint`: of the store. */
  static async start(endpoint: string): Promise<StoreProxy> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new StoreProxy(server, new URL(endpoint))
  }

  /** From now on; the first rule that knows a fault decides. None: the store is as it is. */
  use(...rules: readonly FaultRule[]): void {
    this.#rules = rules
  }

  get seen(): readonly SeenRequest[] {
    return this.#seen
  }

  /** Resolves when the next request goes wrong in this way. */
  async next(fault: StoreFault['kind']): Promise<void> {
    await once(this.#faults, fault)
  }

  /** How many requests of each kind came since this was last asked. */
  takeCounts(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {}
    for (const { action } of this.#seen) counts[action] = (counts[action] ?? 0) + 1
    this.#seen = []
    return counts
  }

  /** Waits until the store has all that was to be delivered late. */
  async allDelivered(): Promise<void> {
    await Promise.all(this.#late)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.allDelivered()
    for (const connection of this.#connections) connection.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #serve(client: Socket): Promise<void> {
    this.#hold(client)
    let store: StoreConnection | undefined
    try {
      const requests = new WireReader(client)
      for (let head = await requests.readHead(); head !== undefined; head = await requests.readHead()) {
        if (store?.socket.writable !== true) store = await this.#connect()
        const exchange = this.#exchangeFor(head, { client, requests, store })
        if (!(await exchange.run())) break
      }
      client.end()
    } catch {
      // One side has gone, or is to believe so: the other one hears of it in the same way.
      client.resetAndDestroy()
    } finally {
      store?.socket.destroy()
    }
  }

  #exchangeFor(head: Head, wires: Pick<ExchangeParts, 'client' | 'requests' | 'store'>): Exchange {
    const request = parseStoreRequest(head)
    const fault = this.#rules.map((rule) => rule(request)).find((found) => found !== undefined)
    const seen: SeenRequest = { action: request.action, key: request.key, fault: fault?.kind }
    this.#seen.push(seen)
    if (seen.fault !== undefined) this.#faults.emit(seen.fault)
    const onStatus = (status: number) => {
      seen.status = status
      if (status < 300 && WRITES.includes(request.action)) this.#written.set(request.key, Date.now())
    }
    return new Exchange({ ...wires, head, request, fault, written: this.#written, onStatus, late: (work) => this.#deliver(work) })
  }

  async #connect(): Promise<StoreConnection> {
    const socket = connect(this.#target)
    this.#hold(socket)
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return { socket, answers: new WireReader(socket) }
  }

  #hold(socket: Socket): void {
    socket.setNoDelay(true)
    this.#connections.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => this.#connections.delete(socket))
  }

  #deliver(work: (store: StoreConnection) => Promise<void>): void {
    const delivery = this.#connect().then(async (store) => {
      await work(store).finally(() => store.socket.destroy())
    })
    const settled = delivery.catch(() => undefined).finally(() => this.#late.delete(settled))
    this.#late.add(settled)
  }
}
