import { poll } from './processes.ts'

export interface ReceivedWebhook {
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** A program that webhooks are sent to: a plain HTTP server on a free port. */
export class WebhookReceiver implements Disposable {
  /** All that it took, in the order in which it came. */
  readonly taken: ReceivedWebhook[] = []
  asked = 0
  /** The status of its next answers; undefined: it never answers. */
  answers: (received: ReceivedWebhook) => number | undefined = () => 202
  readonly #server: Bun.Server<undefined>

  constructor() {
    this.#server = Bun.serve({ port: 0, hostname: '127.0.0.1', idleTimeout: 0, fetch: (request) => this.#receive(request) })
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}/hook`
  }

  /** The ids of what it took. */
  get ids(): readonly string[] {
    return this.taken.map(({ headers }) => headers['webhook-id'] ?? '')
  }

  async until<Found>(what: string, find: (receiver: this) => Found | undefined, timeoutMs = 60_000): Promise<Found> {
    return await poll(what, timeoutMs, async () => find(this))
  }

  [Symbol.dispose](): void {
    void this.#server.stop(true)
  }

  async #receive(request: Request): Promise<Response> {
    this.asked += 1
    const received = { headers: Object.fromEntries(request.headers), text: await request.text() }
    const status = this.answers(received)
    if (status === undefined) return await new Promise<Response>(() => undefined)
    if (status < 300) this.taken.push(received)
    return new Response(null, { status })
  }
}
