import { dlopen, ptr } from 'bun:ffi'

/**
 * Clients that ask for small things again and again, each on a connection of its own, all in one process. Prints a RequestReport. Made
 * of system calls, 8 to 11 µs of CPU for a request where wrk takes 12: wrk changes its interest in a socket twice for each.
 */

export interface RequestLoad {
  readonly port: number
  readonly method: 'GET' | 'HEAD'
  /** Asked for in turn. */
  readonly targets: readonly Target[]
  readonly connections: number
  readonly seconds: number
  readonly headers: Readonly<Record<string, string>>
}

export interface Target {
  readonly path: string
  /** What a GET must answer. */
  readonly body: string
}

export interface RequestReport {
  readonly requests: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly cpuSeconds: number
}

const { symbols: libc } = dlopen('libc.so.6', {
  socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  connect: { args: ['i32', 'ptr', 'u32'], returns: 'i32' },
  send: { args: ['i32', 'ptr', 'u64', 'i32'], returns: 'i32' },
  recv: { args: ['i32', 'ptr', 'u64', 'i32'], returns: 'i32' },
  epoll_create1: { args: ['i32'], returns: 'i32' },
  epoll_ctl: { args: ['i32', 'i32', 'i32', 'ptr'], returns: 'i32' },
  epoll_wait: { args: ['i32', 'ptr', 'i32', 'i32'], returns: 'i32' },
})

const AF_INET = 2
const SOCK_STREAM = 1
const MSG_NOSIGNAL = 0x4000
const EPOLL_CTL_ADD = 1
const EPOLLIN = 1
/** The structure has no gap on x86-64, and one everywhere else. */
const EVENT_BYTES = process.arch === 'x64' ? 12 : 16
const EVENT_DATA = EVENT_BYTES - 8

const LONGEST_ANSWER = 64 * 1024
const SHORTEST_HEAD = 16
const WAIT_MS = 10_000
const OK = Buffer.from('HTTP/1.1 200')
const END = Buffer.from('\r\n\r\n')

interface Connection {
  readonly descriptor: number
  /** How much of the answer has come, where it comes in parts, and that. */
  length: number
  readonly answer: Buffer
  readonly answerAt: number
  /** What was asked for, and when. */
  target: number
  since: number
}

const load = JSON.parse(await Bun.stdin.text()) as RequestLoad
const fields = Object.entries({ Host: 'localhost', ...load.headers }).map(([name, value]) => `${name}: ${value}\r\n`)
const requests = load.targets.map(({ path }) => Buffer.from(`${load.method} ${path} HTTP/1.1\r\n${fields.join('')}\r\n`))
const bodies = load.targets.map(({ body }) => Buffer.from(load.method === 'HEAD' ? '' : body))
const addresses = requests.map((request) => ptr(request))
const durations: number[] = []
let asked = 0

function ask(connection: Connection, now: number): void {
  const target = asked++ % requests.length
  const length = requests[target]?.length ?? 0
  connection.target = target
  connection.length = 0
  connection.since = now
  const sent = libc.send(connection.descriptor, addresses[target] ?? null, length, MSG_NOSIGNAL)
  if (sent !== length) throw new Error('a request was not sent')
}

/** True when the answer is whole. Throws when it is not the one that was expected. */
function receive(connection: Connection): boolean {
  const { answer, answerAt, descriptor, length } = connection
  const count = libc.recv(descriptor, answerAt + length, LONGEST_ANSWER - length, 0)
  if (count <= 0) throw new Error('the server closed a connection, or its answer is too long')
  const end = length + count
  connection.length = end
  const body = bodies[connection.target] ?? OK
  const head = end - body.length
  // Nothing is made for the look at an answer, for there are many: a comparison in place.
  const isWhole = head >= SHORTEST_HEAD && answer.compare(END, 0, END.length, head - END.length, head) === 0
  if (isWhole && answer.compare(body, 0, body.length, head, end) === 0 && answer.compare(OK, 0, OK.length, 0, OK.length) === 0)
    return true
  const headEnd = answer.subarray(0, end).indexOf(END)
  if (headEnd < 0 || end < headEnd + END.length + body.length) return false
  throw new Error(`answered ${answer.toString('latin1', 0, end)}`)
}

function connect(epoll: number, index: number): Connection {
  const descriptor = libc.socket(AF_INET, SOCK_STREAM, 0)
  const address = Buffer.alloc(16)
  address.writeUInt16LE(AF_INET, 0)
  address.writeUInt16BE(load.port, 2)
  address.set([127, 0, 0, 1], 4)
  if (libc.connect(descriptor, address, address.length) !== 0) throw new Error('no connection')
  const event = Buffer.alloc(EVENT_BYTES)
  event.writeUInt32LE(EPOLLIN, 0)
  event.writeUInt32LE(index, EVENT_DATA)
  if (libc.epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, event) !== 0) throw new Error('epoll_ctl failed')
  const answer = Buffer.alloc(LONGEST_ANSWER)
  return { descriptor, length: 0, answer, answerAt: ptr(answer), target: 0, since: 0 }
}

function run(seconds: number): RequestReport {
  const epoll = libc.epoll_create1(0)
  const connections = Array.from({ length: load.connections }, (_, index) => connect(epoll, index))
  const events = Buffer.alloc(EVENT_BYTES * load.connections)
  const eventsAt = ptr(events)
  const [before, startedAt] = [process.cpuUsage(), performance.now()]
  const endsAt = startedAt + seconds * 1000
  for (const connection of connections) ask(connection, startedAt)
  while (performance.now() < endsAt) {
    const count = libc.epoll_wait(epoll, eventsAt, load.connections, WAIT_MS)
    if (count <= 0) throw new Error('the server does not answer')
    for (let event = 0; event < count; event += 1) {
      const connection = connections[events.readUInt32LE(event * EVENT_BYTES + EVENT_DATA)]
      if (connection === undefined || !receive(connection)) continue
      const now = performance.now()
      durations.push(now - connection.since)
      ask(connection, now)
    }
  }
  const { user, system } = process.cpuUsage(before)
  const took = (performance.now() - startedAt) / 1000
  durations.sort((a, b) => a - b)
  const at = (part: number) => durations[Math.floor(durations.length * part)] ?? 0
  return { requests: durations.length, seconds: took, p50Ms: at(0.5), p99Ms: at(0.99), cpuSeconds: (user + system) / 1e6 }
}

process.stdout.write(JSON.stringify(run(load.seconds)))
process.exit(0)
