import { close, fstatSync, open, read, readSync } from 'node:fs'
import { promisify } from 'node:util'
import type { ByteRange, UploadReader } from '../driver.ts'
import { withDescriptor } from '../free-descriptor.ts'
import { isMissing, orRefused } from './disk.ts'

const openLater = promisify(open)
const closeLater = promisify(close)
const readLater = promisify(read)

/**
 * A file that stays readable whatever its name becomes: one descriptor for all of its readers, and one system call for each part. Undefined
 * when there is no such file. `isLocal`: what was written a moment ago is in the memory of the kernel and is read at once, for a trip to the file
 * pool and back costs as much as reading 64 KiB and sending it.
 */
export async function openToRead(path: string, isLocal: boolean): Promise<UploadReader | undefined> {
  try {
    return new OpenFile(await orRefused(withDescriptor(() => openLater(path, 'r'))), isLocal)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

class OpenFile implements UploadReader {
  readonly #descriptor: number
  readonly #isLocal: boolean

  constructor(descriptor: number, isLocal: boolean) {
    this.#descriptor = descriptor
    this.#isLocal = isLocal
  }

  async read({ start, end }: ByteRange, { isRecent }: { readonly isRecent: boolean }): Promise<Uint8Array> {
    // Every byte of it is read into below: zeros first would cost as much as the copy.
    const part = Buffer.allocUnsafeSlow(end - start)
    for (let has = 0; has < part.length; ) {
      const rest = part.subarray(has)
      const bytes = await orRefused(this.#readSome(rest, start + has, isRecent && this.#isLocal))
      if (bytes === 0) throw new Error(`the file of an upload ends at ${start + has}, before ${end}`)
      has += bytes
    }
    return part
  }

  /** At once: nothing but the kernel's memory is asked. */
  async size(): Promise<number> {
    return fstatSync(this.#descriptor).size
  }

  async close(): Promise<void> {
    await closeLater(this.#descriptor)
  }

  async #readSome(into: Uint8Array, position: number, atOnce: boolean): Promise<number> {
    if (atOnce) return readSync(this.#descriptor, into, 0, into.length, position)
    return (await readLater(this.#descriptor, into, 0, into.length, position)).bytesRead
  }
}
