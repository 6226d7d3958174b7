import { dlopen, ptr } from 'bun:ffi'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { hasCode } from '../../runtime/error-code.ts'
import type { Admission, OpenConnection, Sockets } from './sockets.ts'

/** The C libraries of Linux: glibc, and musl by the name that it has there. */
const LIBRARIES = ['libc.so.6', 'libc.so']
const DESCRIPTORS = '/proc/self/fd'
const SOL_SOCKET = 1
const SO_ATTACH_FILTER = 26
const SO_DETACH_FILTER = 27
const SO_ACCEPTCONN = 30
const IPPROTO_TCP = 6
const TCP_DEFER_ACCEPT = 9
const TCP_INFO = 11
const TCP_INFO_BYTES = 232
const TCP_ESTABLISHED = 1
/** The client has closed its side. */
const TCP_CLOSE_WAIT = 8
const SHUT_RDWR = 2
const AF_INET = 2
const AF_INET6 = 10
/** So many descriptors are looked at in a turn of the event loop. */
const LOOKED_AT_ONCE = 500
/** Connections that wait to be accepted: as Bun has it, and where descriptors run out. */
const USUAL_BACKLOG = 512
const SMALL_BACKLOG = 16
/** How long the kernel keeps a connection to itself on which nothing was sent. */
const DEFERRED_SECONDS = 3600

/**
 * The sockets of this process, asked from the kernel: neither of Bun's servers tells of a connection before its first request, or can
 * close it. The calls are those of the C library. Undefined where that cannot be called, and on other systems than Linux.
 */
export function systemSockets(): Sockets | undefined {
  if (process.platform !== 'linux') return undefined
  for (const library of LIBRARIES) {
    try {
      return new SystemSockets(dlopen(library, FUNCTIONS).symbols)
    } catch {
      // The next name, or none: there is no such library, or the runtime may not call it.
    }
  }
  return undefined
}

const FUNCTIONS = {
  close: { args: ['i32'], returns: 'i32' },
  dup: { args: ['i32'], returns: 'i32' },
  getpeername: { args: ['i32', 'ptr', 'ptr'], returns: 'i32' },
  getsockname: { args: ['i32', 'ptr', 'ptr'], returns: 'i32' },
  getsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'ptr'], returns: 'i32' },
  listen: { args: ['i32', 'i32'], returns: 'i32' },
  setsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'u32'], returns: 'i32' },
  shutdown: { args: ['i32', 'i32'], returns: 'i32' },
} as const

type Functions = ReturnType<typeof dlopen<typeof FUNCTIONS>>['symbols']

class SystemSockets implements Sockets {
  readonly descriptorLimit = readDescriptorLimit()
  readonly #functions: Functions
  // The memory that the kernel writes into. Each is the whole of a buffer of its own, so that it stays where it is.
  readonly #infoBytes = new Uint8Array(new ArrayBuffer(256))
  readonly #info = new DataView(this.#infoBytes.buffer)
  readonly #addressBytes = new Uint8Array(new ArrayBuffer(128))
  readonly #address = new DataView(this.#addressBytes.buffer)
  readonly #length = new Uint32Array(new ArrayBuffer(4))
  readonly #number = new Uint32Array(new ArrayBuffer(4))

  constructor(functions: Functions) {
    this.#functions = functions
  }

  /** Linux says it as the size of the folder since 6.2. */
  openDescriptors(): number {
    return statSync(DESCRIPTORS).size || this.#descriptors().length
  }

  hasFreeDescriptor(): boolean {
    const descriptor = this.#functions.dup(0)
    if (descriptor >= 0) this.#functions.close(descriptor)
    return descriptor >= 0
  }

  async connections(port: number): Promise<OpenConnection[]> {
    const found: OpenConnection[] = []
    const descriptors = this.#descriptors()
    for (let start = 0; start < descriptors.length; start += LOOKED_AT_ONCE) {
      if (start > 0) await new Promise<void>((resolve) => setImmediate(resolve))
      for (const descriptor of descriptors.slice(start, start + LOOKED_AT_ONCE)) {
        const connection = this.#connectionOf(descriptor, port)
        if (connection !== undefined) found.push(connection)
      }
    }
    return found
  }

  /** Another turn of the event loop may have given the descriptor to another connection: that one is not cut. */
  cut({ descriptor, peer, peerPort }: OpenConnection, port: number): boolean {
    const now = this.#connectionOf(descriptor, port)
    if (now?.peer !== peer || now.peerPort !== peerPort) return false
    return this.#functions.shutdown(descriptor, SHUT_RDWR) === 0
  }

  deferSilent(port: number): void {
    this.#number[0] = DEFERRED_SECONDS
    for (const listener of this.#listeners(port)) {
      this.#functions.setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, this.#number, 4)
    }
  }

  admit(port: number, how: Admission): void {
    for (const listener of this.#listeners(port)) {
      this.#functions.listen(listener, how === 'all' ? USUAL_BACKLOG : SMALL_BACKLOG)
      if (how === 'none') this.#functions.setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, dropAll().program, 16)
      else this.#functions.setsockopt(listener, SOL_SOCKET, SO_DETACH_FILTER, this.#number, 4)
    }
  }

  #listeners(port: number): number[] {
    return this.#descriptors().filter((descriptor) => {
      if (this.#option(descriptor, SOL_SOCKET, SO_ACCEPTCONN, 4) !== 0 || this.#info.getUint32(0, true) !== 1) return false
      return this.#nameOf('getsockname', descriptor)?.port === port
    })
  }

  /** To list them takes one more: without it all numbers that there can be are tried. */
  #descriptors(): number[] {
    try {
      return readdirSync(DESCRIPTORS).map(Number)
    } catch (error) {
      if (!hasCode(error, 'EMFILE')) throw error
      return Array.from({ length: this.descriptorLimit }, (_, descriptor) => descriptor)
    }
  }

  /** Undefined for what is no connection of a client. */
  #connectionOf(descriptor: number, port: number): OpenConnection | undefined {
    if (this.#option(descriptor, IPPROTO_TCP, TCP_INFO, TCP_INFO_BYTES) !== 0) return undefined
    const state = this.#info.getUint8(0)
    if (state !== TCP_ESTABLISHED && state !== TCP_CLOSE_WAIT) return undefined
    const traffic = trafficOf(this.#info)
    if (this.#nameOf('getsockname', descriptor)?.port !== port) return undefined
    const peer = this.#nameOf('getpeername', descriptor)
    return peer === undefined ? undefined : { descriptor, peer: peer.address, peerPort: peer.port, ...traffic }
  }

  #option(descriptor: number, level: number, option: number, bytes: number): number {
    this.#length[0] = bytes
    return this.#functions.getsockopt(descriptor, level, option, this.#infoBytes, this.#length)
  }

  #nameOf(which: 'getsockname' | 'getpeername', descriptor: number): { address: string; port: number } | undefined {
    this.#length[0] = this.#address.byteLength
    if (this.#functions[which](descriptor, this.#addressBytes, this.#length) !== 0) return undefined
    const family = this.#address.getUint16(0, true)
    if (family !== AF_INET && family !== AF_INET6) return undefined
    return { address: addressOf(this.#address, family), port: this.#address.getUint16(2) }
  }
}

/** Of `struct tcp_info`, which only ever grows at its end. */
function trafficOf(info: DataView): Pick<OpenConnection, 'idleMs' | 'isSending' | 'wasAnswered'> {
  const unacknowledged = info.getUint32(24, true)
  const sentMsAgo = info.getUint32(44, true)
  const receivedMsAgo = info.getUint32(52, true)
  const acknowledgedBytes = info.getBigUint64(120, true)
  const unsentBytes = info.getUint32(144, true)
  const isSending = unacknowledged > 0 || unsentBytes > 0
  return { idleMs: Math.min(sentMsAgo, receivedMsAgo), isSending, wasAnswered: isSending || acknowledgedBytes > 0n }
}

function addressOf(address: DataView, family: number): string {
  if (family === AF_INET) return [4, 5, 6, 7].map((at) => address.getUint8(at)).join('.')
  const words = [8, 10, 12, 14, 16, 18, 20, 22].map((at) => address.getUint16(at))
  const isMapped = words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff
  if (isMapped) return [20, 21, 22, 23].map((at) => address.getUint8(at)).join('.')
  return words.map((word) => word.toString(16)).join(':')
}

/** `struct sock_fprog` of one instruction: return 0, which is to keep nothing of a packet. Made once, since it holds an address. */
function dropAll(): { readonly program: Uint8Array } {
  dropping ??= makeDropAll()
  return dropping
}

let dropping: { readonly instructions: Uint8Array; readonly program: Uint8Array } | undefined

function makeDropAll() {
  const instructions = new Uint8Array(new ArrayBuffer(8))
  instructions[0] = 0x06
  const program = new DataView(new ArrayBuffer(16))
  program.setUint16(0, 1, true)
  program.setBigUint64(8, BigInt(ptr(instructions)), true)
  return { instructions, program: new Uint8Array(program.buffer) }
}

function readDescriptorLimit(): number {
  const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
}
