/** Stands before a Docker daemon, and tells of each call that changed something once the daemon has done it. */
export class DockerProxy implements AsyncDisposable {
  readonly socket: string
  readonly calls: string[] = []
  /** Is called after each such call, before its answer is sent on. */
  onChange: (count: number) => void | Promise<void> = () => undefined
  readonly #server: ReturnType<typeof Bun.serve>

  constructor(socket: string, daemon: string) {
    this.socket = socket
    this.#server = Bun.serve({
      unix: socket,
      fetch: async (request, server) => {
        // A container that takes long to stop, and a pull that stands still, say nothing for longer than a server waits by itself.
        server.timeout(request, 0)
        const { pathname, search } = new URL(request.url)
        const answer = await fetch(`http://docker${pathname}${search}`, {
          unix: daemon,
          method: request.method,
          headers: request.headers,
          body: request.method === 'POST' ? await request.arrayBuffer() : null,
          keepalive: false,
          timeout: false,
        })
        if (request.method === 'GET') return answer
        const body = await answer.arrayBuffer()
        this.calls.push(`${request.method} ${pathname.replace(/^\/v[\d.]+/, '').replace(/[0-9a-f]{64}/, 'ID')}`)
        await this.onChange(this.calls.length)
        const hasBody = answer.status !== 204 && answer.status !== 304
        return new Response(hasBody ? body : null, { status: answer.status, headers: { 'content-type': 'application/json' } })
      },
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true)
  }
}
