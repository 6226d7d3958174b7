import { DockerError } from './docker-error.ts'

export interface SocketRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** With its parameters. */
  readonly path: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** For the head of the answer, and then for each part of its body. */
  readonly patienceMs: number
}

/** One answer of the daemon; the reader ends it. */
export interface SocketAnswer {
  readonly status: number
  readonly headers: Headers
  /** Throws DockerError where it breaks off or stalls. */
  readonly chunks: () => AsyncGenerator<Uint8Array>
}

/** Asks a daemon at its socket. Throws DockerError when it does not answer. */
export async function askSocket(socket: string, request: SocketRequest, signal?: AbortSignal): Promise<SocketAnswer> {
  const { method, path, body, headers = {}, patienceMs } = request
  signal?.throwIfAborted()
  const ending = new AbortController()
  const end = () => ending.abort(signal?.reason)
  signal?.addEventListener('abort', end, { once: true })
  const letGo = () => signal?.removeEventListener('abort', end)
  const limit = () => setTimeout(() => ending.abort(new Error(`no answer within ${patienceMs / 1000} s`)), patienceMs)
  const timer = limit()
  try {
    const response = await fetch(`http://docker${path}`, {
      unix: socket,
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: 'manual',
      // A daemon that is restarted leaves connections behind that end the next request.
      keepalive: false,
      // Bun gives up a connection that is silent for 5 minutes; a container may take longer to stop, and a layer to be unpacked.
      timeout: false,
      signal: ending.signal,
    })
    return {
      status: response.status,
      headers: response.headers,
      chunks: () => chunksOf(response, { limit, ending, letGo, signal }),
    }
  } catch (cause) {
    letGo()
    throw failure(socket, { signal, ending, cause })
  } finally {
    clearTimeout(timer)
  }
}

interface Reading {
  readonly limit: () => ReturnType<typeof setTimeout>
  readonly ending: AbortController
  readonly letGo: () => void
  readonly signal: AbortSignal | undefined
}

async function* chunksOf({ body, url }: Response, { limit, ending, letGo, signal }: Reading): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader()
  try {
    for (;;) {
      const timer = limit()
      const part = await reader?.read().finally(() => clearTimeout(timer))
      clearTimeout(timer)
      if (part === undefined || part.done) return
      yield part.value
    }
  } catch (cause) {
    throw failure(url, { signal, ending, cause })
  } finally {
    letGo()
    ending.abort(new Error('the answer is not needed'))
  }
}

function failure(
  where: string,
  {
    signal,
    ending,
    cause,
  }: { readonly signal: AbortSignal | undefined; readonly ending: AbortController; readonly cause: unknown },
): unknown {
  if (signal?.aborted === true) return signal.reason
  const reason = ending.signal.aborted ? ending.signal.reason : cause
  return new DockerError(`The Docker daemon at ${where} does not answer: ${reason instanceof Error ? reason.message : reason}`, {
    cause: reason,
  })
}

/** The whole of a body. Throws DockerError above so many bytes. */
export async function bytesOf(answer: SocketAnswer, most: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of answer.chunks()) {
    size += part.length
    if (size > most) throw new DockerError(`The Docker daemon answers with more than ${most} bytes`, { status: answer.status })
    parts.push(part)
  }
  return Buffer.concat(parts)
}

/** The lines of a body, each no longer than so many bytes: what is longer is left out. */
export async function* linesOf(answer: SocketAnswer, most: number): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let open = ''
  for await (const part of answer.chunks()) {
    const lines = (open + decoder.decode(part, { stream: true })).split('\n')
    open = lines.pop() ?? ''
    yield* lines
    if (open.length > most) open = ''
  }
  if (open !== '') yield open
}
