/** A request body that a test feeds by hand, as a slow client does. */
export class StreamedBody {
  readonly stream: ReadableStream<Uint8Array>
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined

  constructor() {
    this.stream = new ReadableStream({
      start: (controller) => {
        this.#controller = controller
      },
      // The answer came first.
      cancel: () => {
        this.#controller = undefined
      },
    })
  }

  send(bytes: Uint8Array): void {
    this.#controller?.enqueue(bytes.slice())
  }

  end(): void {
    this.#controller?.close()
  }

  /** The client goes away. */
  breakOff(): void {
    this.#controller?.error(new DOMException('The connection was closed.', 'AbortError'))
  }
}
