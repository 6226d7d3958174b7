import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

/** What it shows by TLS. */
export interface FakeCertificate {
  readonly certificate: string
  readonly key: string
}

export type FakeAnswer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/** A server that answers as a test says, also with what no registry would answer. It counts what it was asked. */
export class FakeUpstream implements AsyncDisposable {
  /** Method and path of each request, in their order. */
  readonly asked: string[] = []
  /** The Authorization of each request; undefined where there was none. */
  readonly shown: (string | undefined)[] = []
  answer: FakeAnswer
  readonly #server: Server
  readonly #scheme: string
  #port = 0

  private constructor(server: Server, answer: FakeAnswer, scheme: string) {
    this.#server = server
    this.#scheme = scheme
    this.answer = answer
  }

  /** `shown`: it speaks TLS. `port`: left out, any. */
  static async start(answer: FakeAnswer = notFound, shown?: FakeCertificate, port = 0): Promise<FakeUpstream> {
    const listener: RequestListener = (request, response) => {
      upstream.asked.push(`${request.method} ${request.url}`)
      upstream.shown.push(request.headers.authorization)
      Promise.resolve(upstream.answer(request, response)).catch((error: unknown) => response.destroy(error as Error))
    }
    const server = shown ? createTlsServer({ cert: shown.certificate, key: shown.key }, listener) : createServer(listener)
    const upstream = new FakeUpstream(server, answer, shown === undefined ? 'http' : 'https')
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    upstream.#port = (server.address() as AddressInfo).port
    return upstream
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.#port}`
  }

  /** The same server under another name. */
  get otherUrl(): string {
    return `${this.#scheme}://localhost:${this.#port}`
  }

  /** How many requests were of this method and path. */
  count(asked: string): number {
    return this.asked.filter((each) => each === asked).length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }
}

export function notFound(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(404, { 'content-type': 'application/json' }).end('{"errors":[]}')
}

/** Sends bytes with their length, or the part that a Range asks for. */
export function sendBlob({ headers }: IncomingMessage, response: ServerResponse, bytes: Uint8Array): void {
  const start = startOf(headers.range)
  const part = bytes.subarray(start)
  if (start === 0) response.writeHead(200, { 'content-length': part.length })
  else {
    const range = `bytes ${start}-${bytes.length - 1}/${bytes.length}`
    response.writeHead(206, { 'content-length': part.length, 'content-range': range })
  }
  response.end(part)
}

/** Where a Range begins. */
export function startOf(range: string | undefined): number {
  return Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
}

/** Sends the first bytes of a longer body, and breaks the connection once they are out. */
export async function sendCut(
  response: ServerResponse,
  { bytes, length }: { readonly bytes: Uint8Array; readonly length: number },
) {
  if (!response.headersSent) response.writeHead(200, { 'content-length': length })
  await new Promise<void>((resolve) => response.write(bytes, () => resolve()))
  response.socket?.end()
}
