import { connect, type TLSSocket } from 'node:tls'

export type Traffic = 'new connections' | 'kept connections'

/** What came of many requests. */
export interface TrafficOutcome {
  answered: number
  /** Failures of requests that had been sent. */
  failed: string[]
  /** Connections that ended before a request could be sent on them. */
  lostConnections: number
}

/** Between two requests of a client: the server and the other tests of the machine come to their turn. */
const PAUSE_MS = 5

/** Requests one after the other from several clients until the signal; each on a new connection, or each client on its own one. */
export async function traffic(port: number, kind: Traffic, signal: AbortSignal): Promise<TrafficOutcome> {
  const outcome: TrafficOutcome = { answered: 0, failed: [], lostConnections: 0 }
  const client = kind === 'new connections' ? requestOnce : requestAgain
  await Promise.all(
    Array.from({ length: 6 }, async () => {
      while (!signal.aborted) {
        await client(port, outcome, signal)
        await Bun.sleep(PAUSE_MS)
      }
    }),
  )
  return outcome
}

async function requestOnce(port: number, outcome: TrafficOutcome): Promise<void> {
  const socket = await open(port, outcome)
  if (socket === undefined) return
  const answer = await exchange(socket, 'GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  socket.destroy()
  record(outcome, answer)
}

/** A server that ends a connection between two requests says nothing of a request; then a new connection goes on. */
async function requestAgain(port: number, outcome: TrafficOutcome, signal: AbortSignal): Promise<void> {
  const socket = await open(port, outcome)
  if (socket === undefined) return
  let isEnded = false
  socket.on('end', () => {
    isEnded = true
  })
  while (!signal.aborted && !isEnded) {
    const answer = await exchange(socket, 'GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n')
    if (answer === '' && isEnded) break
    record(outcome, answer)
    await Bun.sleep(PAUSE_MS)
  }
  socket.destroy()
}

function record(outcome: TrafficOutcome, answer: string): void {
  if (/^HTTP\/1\.1 200 [\s\S]*\r\n\r\n\{\}$/.test(answer)) outcome.answered += 1
  else outcome.failed.push(answer)
}

async function open(port: number, outcome: TrafficOutcome): Promise<TLSSocket | undefined> {
  const { promise, resolve } = Promise.withResolvers<TLSSocket | undefined>()
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => resolve(socket))
  socket.on('error', () => resolve(undefined))
  socket.on('close', () => resolve(undefined))
  const opened = await promise
  if (opened === undefined) outcome.lostConnections += 1
  return opened
}

/** What is answered, until the answer is whole or the connection ends. */
async function exchange(socket: TLSSocket, request: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let answer = ''
  const onData = (bytes: Uint8Array) => {
    answer += new TextDecoder().decode(bytes)
    if (answer.endsWith('\r\n\r\n{}')) resolve(answer)
  }
  const onEnd = () => resolve(answer)
  socket.on('data', onData).on('close', onEnd)
  socket.write(request)
  const whole = await promise
  socket.off('data', onData).off('close', onEnd)
  return whole
}
