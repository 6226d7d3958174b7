import { poll } from './processes.ts'

/** What a receiver makes of a notification. */
export type Reception = 'takes it' | 'takes one at a time' | 'answers 500' | 'never answers'

/** An event as registry:2 writes it. */
export interface ReceivedEvent {
  readonly id: string
  readonly timestamp: string
  readonly action: string
  readonly target: Readonly<Record<string, unknown>>
  readonly request: Readonly<Record<string, string>>
  readonly actor: Readonly<Record<string, string>>
  readonly source: Readonly<Record<string, string>>
}

export interface Notification {
  readonly path: string
  readonly method: string
  readonly headers: Headers
  readonly text: string
  readonly events: readonly ReceivedEvent[]
}

/** A program that listens to a registry: a plain HTTP server on a free port. */
export class EventReceiver implements Disposable {
  reception: Reception
  /** All that it took, in the order in which it came. */
  readonly notifications: Notification[] = []
  /** How often it was asked, whatever came of that. */
  asked = 0
  readonly #server: Bun.Server<undefined>

  constructor(reception: Reception = 'takes it') {
    this.reception = reception
    this.#server = Bun.serve({ port: 0, hostname: '127.0.0.1', idleTimeout: 0, fetch: (request) => this.#receive(request) })
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}/events`
  }

  get events(): readonly ReceivedEvent[] {
    return this.notifications.flatMap(({ events }) => events)
  }

  /** Waits until what it has makes the answer something. Throws when that takes too long. */
  async until<Found>(what: string, find: (receiver: this) => Found | undefined, timeoutMs = 30_000): Promise<Found> {
    return await poll(what, timeoutMs, async () => find(this))
  }

  [Symbol.dispose](): void {
    void this.#server.stop(true)
  }

  async #receive(request: Request): Promise<Response> {
    this.asked += 1
    const text = await request.text()
    if (this.reception === 'answers 500') return new Response('not now', { status: 500 })
    if (this.reception === 'never answers') return await new Promise<Response>(() => undefined)
    const { events } = JSON.parse(text) as { readonly events: readonly ReceivedEvent[] }
    if (this.reception === 'takes one at a time' && events.length > 1) return new Response('too large', { status: 413 })
    const { pathname, search } = new URL(request.url)
    this.notifications.push({ path: pathname + search, method: request.method, headers: request.headers, text, events })
    return new Response(null, { status: 202 })
  }
}
