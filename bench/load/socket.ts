import { dlopen, ptr } from 'bun:ffi'

const { symbols: libc } = dlopen('libc.so.6', {
  socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  connect: { args: ['i32', 'ptr', 'u32'], returns: 'i32' },
  open: { args: ['ptr', 'i32'], returns: 'i32' },
  send: { args: ['i32', 'ptr', 'u64', 'i32'], returns: 'i64' },
  recv: { args: ['i32', 'ptr', 'u64', 'i32'], returns: 'i64' },
  sendfile: { args: ['i32', 'i32', 'ptr', 'u64'], returns: 'i64' },
  poll: { args: ['ptr', 'u64', 'i32'], returns: 'i32' },
  close: { args: ['i32'], returns: 'i32' },
})

const AF_INET = 2
const SOCK_STREAM = 1
const MSG_PEEK = 0x2
/** On a TCP socket: the bytes are dropped in the kernel and never copied to this program. */
const MSG_TRUNC = 0x20
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
/** What poll() says of a descriptor takes so many bytes. */
const POLLED_BYTES = 8
const POLLIN = 0x1
const POLLERR = 0x8
const POLLNVAL = 0x20
const WITHOUT_END = -1

const LONGEST_HEAD = 64 * 1024
const LARGEST_STEP = 8 * 1024 * 1024

export interface ResponseHead {
  readonly status: number
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
}

/**
 * One blocking HTTP/1.1 connection to this machine, made of system calls: what it sends of a file goes out with sendfile, what it is
 * not interested in is dropped in the kernel. So it costs a fraction of what any server does for the same bytes.
 */
export class Socket implements Disposable {
  readonly #descriptor: number
  readonly #buffer = new Uint8Array(LONGEST_HEAD)

  constructor(port: number) {
    this.#descriptor = checked('socket', libc.socket(AF_INET, SOCK_STREAM, 0))
    const address = new Uint8Array(16)
    new DataView(address.buffer).setUint16(0, AF_INET, true)
    new DataView(address.buffer).setUint16(2, port)
    address.set([127, 0, 0, 1], 4)
    checked('connect', libc.connect(this.#descriptor, ptr(address), address.length))
  }

  send(bytes: Uint8Array): void {
    for (let sent = 0; sent < bytes.length; ) {
      const rest = bytes.subarray(sent)
      sent += checked('send', libc.send(this.#descriptor, ptr(rest), rest.length, MSG_NOSIGNAL))
    }
  }

  /** The first `length` bytes of a file, from the page cache to the socket. */
  sendFile(path: string, length: number): void {
    const file = checked('open', libc.open(ptr(Buffer.from(`${path}\0`)), 0))
    try {
      for (let left = length; left > 0; )
        left -= positive(libc.sendfile(this.#descriptor, file, null, Math.min(left, LARGEST_STEP)))
    } finally {
      libc.close(file)
    }
  }

  receiveHead(): ResponseHead {
    for (;;) {
      const waiting = positive(libc.recv(this.#descriptor, ptr(this.#buffer), LONGEST_HEAD, MSG_PEEK))
      const end = Buffer.from(this.#buffer.buffer, 0, waiting).indexOf('\r\n\r\n')
      if (end < 0 && waiting === LONGEST_HEAD) throw new Error('the head of the answer does not end')
      libc.recv(this.#descriptor, ptr(this.#buffer), end < 0 ? 0 : end + 4, 0)
      if (end >= 0) return headOf(Buffer.from(this.#buffer.buffer, 0, end).toString('latin1'))
    }
  }

  /** At most so many of the bytes that have come, which stay; none when none have. */
  peek(length: number): Buffer {
    const wanted = Math.min(length, LONGEST_HEAD)
    const waiting = libc.recv(this.#descriptor, ptr(this.#buffer), wanted, MSG_PEEK | MSG_DONTWAIT)
    return Buffer.from(this.#buffer.buffer, 0, come(waiting))
  }

  /** Drops at most so many of the bytes that have come, and gives how many. */
  drop(length: number): number {
    return come(libc.recv(this.#descriptor, ptr(this.#buffer), Math.min(length, LARGEST_STEP), MSG_TRUNC | MSG_DONTWAIT))
  }

  /** Drops so many bytes of a body. */
  discard(length: number): void {
    for (let left = length; left > 0; ) {
      left -= positive(libc.recv(this.#descriptor, ptr(this.#buffer), Math.min(left, LARGEST_STEP), MSG_TRUNC))
    }
  }

  get descriptor(): number {
    return this.#descriptor
  }

  [Symbol.dispose](): void {
    libc.close(this.#descriptor)
  }
}

/** Waits until bytes have come for some of the sockets, and gives these. */
export function haveCome(sockets: readonly Socket[]): readonly Socket[] {
  const polled = new DataView(new ArrayBuffer(sockets.length * POLLED_BYTES))
  for (const [index, socket] of sockets.entries()) {
    polled.setInt32(index * POLLED_BYTES, socket.descriptor, true)
    polled.setInt16(index * POLLED_BYTES + 4, POLLIN, true)
  }
  checked('poll', libc.poll(ptr(polled), sockets.length, WITHOUT_END))
  return sockets.filter((_, index) => {
    const found = polled.getInt16(index * POLLED_BYTES + 6, true)
    if ((found & (POLLERR | POLLNVAL)) !== 0) throw new Error('the server cut the connection')
    return found !== 0
  })
}

export function headOf(text: string): ResponseHead {
  const [statusLine = '', ...lines] = text.split('\r\n')
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  return { status: Number(statusLine.split(' ')[1]), headers: new Map(fields) }
}

function checked(call: string, result: number | bigint): number {
  if (result < 0) throw new Error(`${call} failed`)
  return Number(result)
}

function positive(result: number | bigint): number {
  if (result <= 0) throw new Error('the server closed the connection')
  return Number(result)
}

/** What a call without waiting gives where nothing has come is no end of the connection: poll() tells of that. */
function come(result: number | bigint): number {
  if (result === 0 || result === 0n) throw new Error('the server closed the connection')
  return Math.max(0, Number(result))
}
