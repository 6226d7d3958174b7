import type { Socket } from 'bun'

/** Clients that ask HEAD after HEAD, each on a connection of its own, all in one process. Prints a HeadReport. */

export interface HeadLoad {
  readonly url: string
  /** Asked for in turn. */
  readonly paths: readonly string[]
  readonly connections: number
  readonly seconds: number
  readonly headers: Readonly<Record<string, string>>
}

export interface HeadReport {
  readonly requests: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly cpuSeconds: number
}

const OK = Buffer.from('HTTP/1.1 200')
const END = Buffer.from('\r\n\r\n')

const load = JSON.parse(process.argv[2] ?? '') as HeadLoad
const { hostname, port } = new URL(load.url)
const fields = Object.entries({ Host: 'localhost', ...load.headers }).map(([name, value]) => `${name}: ${value}\r\n`)
const requests = load.paths.map((path) => Buffer.from(`HEAD ${path} HTTP/1.1\r\n${fields.join('')}\r\n`))
const durations: number[] = []
let asked = 0

function ask(socket: Socket<Waiting>): void {
  socket.data = { since: performance.now(), part: undefined }
  socket.write(requests[asked++ % requests.length] ?? '')
}

interface Waiting {
  readonly since: number
  /** The beginning of an answer whose end has not come. */
  readonly part: Buffer | undefined
}

function receive(socket: Socket<Waiting>, bytes: Buffer): void {
  const { since, part } = socket.data
  const answer = part === undefined ? bytes : Buffer.concat([part, bytes])
  if (!answer.subarray(-END.length).equals(END)) {
    socket.data = { since, part: Buffer.from(answer) }
    return
  }
  if (!answer.subarray(0, OK.length).equals(OK)) throw new Error(`answered ${answer.toString('latin1')}`)
  durations.push(performance.now() - since)
  ask(socket)
}

const before = process.cpuUsage()
const sockets = await Promise.all(
  Array.from({ length: load.connections }, () =>
    Bun.connect<Waiting>({
      hostname,
      port: Number(port),
      data: { since: 0, part: undefined },
      socket: { open: ask, data: receive, error: (_, error) => Promise.reject(error) },
    }),
  ),
)
await Bun.sleep(load.seconds * 1000)
const { user, system } = process.cpuUsage(before)
for (const socket of sockets) socket.terminate()
durations.sort((a, b) => a - b)
const at = (part: number) => durations[Math.floor(durations.length * part)] ?? 0
const report: HeadReport = { requests: durations.length, p50Ms: at(0.5), p99Ms: at(0.99), cpuSeconds: (user + system) / 1e6 }
process.stdout.write(`${JSON.stringify(report)}\n`)
process.exit(0)
