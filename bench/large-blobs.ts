import { createHash, type Hash } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { PreparedBlob } from './load/connection.ts'
import type { RegistryUnderLoad } from './registry.ts'

const MIB = 1024 * 1024
const END_BYTES = 4096

/**
 * Blobs of one size whose content is random, and the last page of each its own: what they share is hashed once and lies in the page
 * cache, so that making one costs nothing while another is measured.
 */
export class LargeBlobs {
  readonly #path: string
  readonly #size: number
  readonly #hash: Hash

  private constructor(path: string, size: number, hash: Hash) {
    this.#path = path
    this.#size = size
    this.#hash = hash
  }

  static async make(folder: string, size: number): Promise<LargeBlobs> {
    const path = join(folder, `content-${size}`)
    const hash = createHash('sha256')
    const file = await open(path, 'w')
    for (let left = size - END_BYTES; left > 0; left -= MIB) {
      const bytes = crypto.getRandomValues(new Uint8Array(Math.min(left, MIB)).subarray(0, Math.min(left, 65_536)))
      const part = repeated(bytes, Math.min(left, MIB))
      hash.update(part)
      await file.write(part)
    }
    await file.close()
    return new LargeBlobs(path, size, hash)
  }

  next(): PreparedBlob {
    const end = crypto.getRandomValues(new Uint8Array(END_BYTES))
    const digest = `sha256:${this.#hash.copy().update(end).digest('hex')}`
    return { digest, size: this.#size, file: this.#path, end: Buffer.from(end).toString('base64') }
  }
}

/** Takes pushed bytes off the disk again; nobody asks for them any more. */
export async function dropBlobs(registry: RegistryUnderLoad, blobs: readonly PreparedBlob[]): Promise<void> {
  for (const { digest } of blobs) {
    const hex = digest.slice('sha256:'.length)
    await rm(join(registry.data, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex), { recursive: true, force: true })
  }
}

/** Neither registry compresses: random bytes need not be random over more than a page. */
function repeated(bytes: Uint8Array, length: number): Uint8Array {
  const whole = new Uint8Array(length)
  for (let at = 0; at < length; at += bytes.length) whole.set(bytes.subarray(0, Math.min(bytes.length, length - at)), at)
  return whole
}
