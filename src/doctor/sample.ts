/** Bytes that nothing on the way can make smaller, the same each time they are read, and never the same for two samples. */
export interface Sample {
  readonly bytes: number
  readonly digest: string
  /** All of them, made while they are read. `pauseMs` is waited after each piece. */
  stream(pauseMs?: number): ReadableStream<Uint8Array>
}

const PIECE_BYTES = 256 * 1024

export function makeSample(bytes: number): Sample {
  const noise = crypto.getRandomValues(new Uint8Array(65_536))
  const piece = new Uint8Array(PIECE_BYTES).map((_, index) => noise[index % noise.length] ?? 0)
  const pieces = Math.ceil(bytes / PIECE_BYTES)
  /** The number of the piece makes it another one. */
  const pieceAt = (number: number): Uint8Array => {
    const copy = piece.slice(0, Math.min(PIECE_BYTES, bytes - number * PIECE_BYTES))
    for (let index = 0; index < copy.length; index += 4096) copy[index] = (number + index) & 0xff
    return copy
  }
  const hasher = new Bun.CryptoHasher('sha256')
  for (let number = 0; number < pieces; number += 1) hasher.update(pieceAt(number))
  return {
    bytes,
    digest: `sha256:${hasher.digest('hex')}`,
    stream: (pauseMs = 0) => {
      let number = 0
      return new ReadableStream<Uint8Array>({
        pull: async (controller) => {
          if (number >= pieces) return controller.close()
          if (pauseMs > 0) await Bun.sleep(pauseMs)
          controller.enqueue(pieceAt(number))
          number += 1
        },
      })
    },
  }
}
