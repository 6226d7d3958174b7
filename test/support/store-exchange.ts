import type { Socket } from 'node:net'
import {
  decodeBody,
  type Framing,
  framingOfAnswer,
  framingOfRequest,
  type Head,
  send,
  statusOf,
  type WireReader,
} from './http-wire.ts'
import type { StoreFault } from './store-faults.ts'
import { type KeyTimes, withoutNewKeys } from './store-list.ts'
import type { StoreRequest } from './store-request.ts'

const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n')

/** One connection to the store, and what comes from there. */
export interface StoreConnection {
  readonly socket: Socket
  readonly answers: WireReader
}

export interface ExchangeParts {
  readonly client: Socket
  readonly requests: WireReader
  readonly store: StoreConnection
  readonly head: Head
  readonly request: StoreRequest
  readonly fault: StoreFault | undefined
  readonly written: KeyTimes
  readonly onStatus: (status: number) => void
  readonly late: (work: (store: StoreConnection) => Promise<void>) => void
}

/** One request and its answer. Throws when the connection is to break. */
export class Exchange {
  readonly #parts: ExchangeParts
  readonly #framing: Framing

  constructor(parts: ExchangeParts) {
    this.#parts = parts
    this.#framing = framingOfRequest(parts.head)
  }

  /** True when the connections can go on with another one. */
  async run(): Promise<boolean> {
    const { client, head, fault } = this.#parts
    if (fault?.kind === 'refuse') return await this.#refuse(fault)
    if (fault?.kind === 'say-there') {
      await send(client, Buffer.from(`HTTP/1.1 200 OK\r\nETag: "old"\r\nContent-Length: ${fault.size}\r\n\r\n`))
      return true
    }
    if (head.headers.get('expect')?.toLowerCase() === '100-continue') await send(client, CONTINUE)
    if (fault?.kind === 'deliver-late') return await this.#deliverLate(() => Bun.sleep(fault.afterMs))
    if (fault?.kind === 'deliver-when') return await this.#deliverLate(() => fault.said)
    const again = whenAgain(fault)
    const sending = this.#sendRequest(again === undefined ? await this.#stall() : await this.#deliverAgain(again))
    // An answer may come before the whole request has gone.
    sending.catch(() => this.#parts.store.socket.destroy())
    const goesOn = await this.#passAnswer()
    await sending
    return goesOn
  }

  /** As a store does it that is busy: without a look at the body. */
  async #refuse({ status, code }: { readonly status: number; readonly code: string }): Promise<boolean> {
    const { client, requests, head, request } = this.#parts
    const waits = head.headers.has('expect')
    if (!waits) for await (const _ of requests.readBody(this.#framing));
    const xml = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>A fault of the test.</Message></Error>`
    const lines = [`HTTP/1.1 ${status} ${code}`, 'Content-Type: application/xml', `Content-Length: ${xml.length}`]
    await send(client, Buffer.from([...lines, ...(waits ? ['Connection: close'] : []), '', ''].join('\r\n')))
    if (request.method !== 'HEAD') await send(client, Buffer.from(xml))
    return !waits
  }

  async #deliverLate(when: () => Promise<void>): Promise<never> {
    const { requests, onStatus } = this.#parts
    const body = await Array.fromAsync(requests.readBody(this.#framing))
    this.#sendLater(body, when, onStatus)
    throw new Error('the answer never comes')
  }

  /** The body that is to be sent now. */
  async #deliverAgain(when: () => Promise<void>): Promise<readonly Buffer[]> {
    const body = await Array.fromAsync(this.#parts.requests.readBody(this.#framing))
    this.#sendLater(body, when, () => undefined)
    return body
  }

  #sendLater(body: readonly Buffer[], when: () => Promise<void>, onStatus: (status: number) => void): void {
    this.#parts.late(async ({ socket, answers }) => {
      await when()
      await send(socket, Buffer.concat([this.#parts.head.raw, ...body]))
      const answer = await readAnswerHead(answers)
      onStatus(statusOf(answer))
    })
  }

  /** The body that is to be sent. A client that has given up meanwhile is not to be surprised by what the store does later. */
  async #stall(): Promise<AsyncIterable<Buffer> | Iterable<Buffer>> {
    const { client, requests, fault } = this.#parts
    const body = requests.readBody(this.#framing)
    if (fault?.kind !== 'stall' || fault.where !== 'request') return body
    const held = await Array.fromAsync(body)
    await Bun.sleep(fault.ms)
    if (client.destroyed) throw new Error('the client has gone')
    return held
  }

  async #sendRequest(body: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
    const { store, head, fault } = this.#parts
    await send(store.socket, head.raw)
    let left = fault?.kind === 'cut-request' ? fault.afterBytes : Number.POSITIVE_INFINITY
    for await (const bytes of body) {
      await send(store.socket, bytes.subarray(0, left))
      left -= bytes.length
      if (left <= 0) break
    }
    if (fault?.kind === 'cut-request') throw new Error('the request is cut')
  }

  async #passAnswer(): Promise<boolean> {
    const { client, store, request, fault, onStatus } = this.#parts
    const { answers } = store
    const head = await readAnswerHead(answers)
    onStatus(statusOf(head))
    const framing = framingOfAnswer(head, request.method)
    const body = answers.readBody(framing)
    if (fault?.kind === 'stale') return await this.#passList(head, framing, body, fault.afterMs)
    if (fault?.kind === 'lose-answer' || (fault?.kind === 'deliver-again' && fault.isLost)) {
      for await (const _ of body);
      throw new Error('the answer is lost')
    }
    await send(client, head.raw)
    await this.#passBody(body)
    return framing.kind !== 'until-close' && head.headers.get('connection')?.toLowerCase() !== 'close'
  }

  async #passBody(body: AsyncIterable<Buffer>): Promise<void> {
    const { client, fault } = this.#parts
    let left = fault?.kind === 'cut-answer' ? fault.afterBytes : Number.POSITIVE_INFINITY
    let stallMs = fault?.kind === 'stall' && fault.where === 'answer' ? fault.ms : 0
    for await (const bytes of body) {
      await send(client, bytes.subarray(0, left))
      left -= bytes.length
      if (stallMs > 0) await Bun.sleep(stallMs)
      stallMs = 0
      if (left <= 0) break
    }
    if (fault?.kind === 'cut-answer') throw new Error('the answer is cut')
  }

  async #passList(head: Head, framing: Framing, body: AsyncIterable<Buffer>, afterMs: number): Promise<boolean> {
    const { client, written } = this.#parts
    const xml = decodeBody(Buffer.concat(await Array.fromAsync(body)), framing).toString()
    const shown = Buffer.from(withoutNewKeys(xml, written, afterMs))
    const headers = [...head.headers].filter(([name]) => name !== 'content-length' && name !== 'transfer-encoding')
    const lines = [head.firstLine, ...headers.map(([name, value]) => `${name}: ${value}`), `content-length: ${shown.length}`]
    await send(client, Buffer.from([...lines, '', ''].join('\r\n')))
    await send(client, shown)
    return true
  }
}

/** The first lines of the final answer. */
async function readAnswerHead(answers: WireReader): Promise<Head> {
  for (;;) {
    const head = await answers.readHead()
    if (head === undefined) throw new Error('the store has closed the connection')
    if (statusOf(head) >= 200) return head
  }
}

/** When the store gets the request a second time; undefined: never. */
function whenAgain(fault: StoreFault | undefined): (() => Promise<void>) | undefined {
  if (fault?.kind === 'deliver-again') return () => Bun.sleep(fault.afterMs)
  return fault?.kind === 'repeat-when' ? () => fault.said : undefined
}
