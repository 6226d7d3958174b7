import { createServer, type Server } from 'node:net'

/** A name server over TCP that has 127.0.0.1 for every name, and nothing else to say. */
export class DnsServer implements AsyncDisposable {
  readonly address: string
  readonly #server: Server

  private constructor(server: Server, port: number) {
    this.#server = server
    this.address = `127.0.0.1:${port}`
  }

  static async start(): Promise<DnsServer> {
    const server = createServer((socket) => {
      // One small question at a time, with its length in front (RFC 1035, 4.2.2); it comes in one piece.
      socket.on('data', (bytes) => socket.write(withLength(answer(Buffer.from(bytes).subarray(2)))))
      socket.on('error', () => socket.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the name server has no port')
    return new DnsServer(server, address.port)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
  }
}

function withLength(message: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}

const HEADER_BYTES = 12
const TYPE_A = 1

/** The question again and, where an IPv4 address was asked for, one answer that points to its name (RFC 1035, 4.1). */
function answer(query: Buffer): Buffer {
  const questionEnd = query.indexOf(0, HEADER_BYTES) + 5
  const question = query.subarray(HEADER_BYTES, questionEnd)
  const isAddress = query.readUInt16BE(questionEnd - 4) === TYPE_A
  const header = Buffer.from([0, 0, 0x81, 0x80, 0, 1, 0, isAddress ? 1 : 0, 0, 0, 0, 0])
  query.copy(header, 0, 0, 2)
  const record = Buffer.from([0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1])
  return Buffer.concat([header, question, ...(isAddress ? [record] : [])])
}
