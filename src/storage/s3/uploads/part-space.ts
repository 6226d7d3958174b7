import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { unavailable } from '../../../oci/errors.ts'
import { hasCode, undefinedIfMissing } from '../../../runtime/error-code.ts'
import { withDescriptor } from '../../free-descriptor.ts'

/** What a part takes at first; it grows by this factor up to the size of a whole part. */
const FIRST_BYTES = 64 * 1024
const GROWTH = 4

/**
 * Where the parts of all uploads are gathered before they are sent: in memory as far as that goes, else in files. An upload never waits
 * for the memory that another, slower one holds, and a part can be sent again.
 */
export class PartSpace {
  readonly #directory: string
  readonly #memoryLimit: number
  #memoryUsed = 0
  /** Whole parts whose memory is used again: the collector would leave it lying about. */
  readonly #spare: Uint8Array<ArrayBuffer>[] = []
  #hasDirectory = false

  constructor(options: { readonly directory: string; readonly memoryLimit: number }) {
    this.#directory = options.directory
    this.#memoryLimit = options.memoryLimit
  }

  /** An empty part that takes up to `capacity` bytes. The caller disposes of it. */
  open(capacity: number): PartBuffer {
    return new PartBuffer(this, capacity)
  }

  /** Memory of that size, or undefined when the limit is reached. */
  takeMemory(bytes: number): Uint8Array<ArrayBuffer> | undefined {
    const spare = this.#spare.findIndex((memory) => memory.length === bytes)
    if (spare >= 0) return this.#spare.splice(spare, 1)[0]
    while (this.#memoryUsed + bytes > this.#memoryLimit && this.#spare.length > 0) this.#letGo(this.#spare.pop())
    if (this.#memoryUsed + bytes > this.#memoryLimit) return undefined
    this.#memoryUsed += bytes
    return new Uint8Array(bytes)
  }

  giveMemory(memory: Uint8Array<ArrayBuffer>): void {
    this.#spare.push(memory)
  }

  /** A file for all bytes of one upload. The caller disposes of it. */
  async openSpool(): Promise<Spool> {
    return new Spool(await this.openFile())
  }

  /** Throws UNAVAILABLE where the disk is full. */
  async openFile(): Promise<{ readonly path: string; readonly file: FileHandle }> {
    try {
      if (!this.#hasDirectory) await mkdir(this.#directory, { recursive: true, mode: 0o700 })
      this.#hasDirectory = true
      const path = join(this.#directory, crypto.randomUUID())
      return { path, file: await withDescriptor(() => open(path, 'wx', 0o600)) }
    } catch (error) {
      throw told(error)
    }
  }

  /** Removes every file, those of a process that died as well when it had the same directory. */
  async close(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true })
  }

  /** Of other processes, whose directories lie beside this one and have their ids as names. */
  async removeOthers(isGone: (owner: string) => Promise<boolean>): Promise<void> {
    const beside = dirname(this.#directory)
    const names = (await readdir(beside).catch(undefinedIfMissing)) ?? []
    for (const name of names) {
      if (name !== basename(this.#directory) && (await isGone(name)))
        await rm(join(beside, name), { recursive: true, force: true })
    }
  }

  #letGo(memory: Uint8Array<ArrayBuffer> | undefined): void {
    if (memory === undefined) return
    this.#memoryUsed -= memory.length
    memory.buffer.transfer(0)
  }
}

/** The bytes of one part while it grows and while it is sent. */
export class PartBuffer {
  readonly #space: PartSpace
  readonly #capacity: number
  #memory: Uint8Array<ArrayBuffer> | undefined
  #file: { readonly path: string; readonly file: FileHandle } | undefined
  #length = 0

  constructor(space: PartSpace, capacity: number) {
    this.#space = space
    this.#capacity = capacity
  }

  get length(): number {
    return this.#length
  }

  /** The caller sees to it that the part does not grow beyond its capacity. */
  async append(bytes: Uint8Array): Promise<void> {
    const length = this.#length + bytes.length
    if (this.#file === undefined && !this.#hasMemoryFor(length)) await this.#moveToFile()
    if (this.#file === undefined) this.#memory?.set(bytes, this.#length)
    else await writeAll(this.#file.file, bytes, this.#length)
    this.#length = length
  }

  /** What can be sent, as often as it takes. */
  body(): Uint8Array | Blob {
    if (this.#file !== undefined) return Bun.file(this.#file.path).slice(0, this.#length)
    return (this.#memory ?? new Uint8Array(0)).subarray(0, this.#length)
  }

  /** Cuts off what lies beyond. */
  shorten(length: number): void {
    this.#length = Math.min(this.#length, length)
  }

  async dispose(): Promise<void> {
    if (this.#memory !== undefined) this.#space.giveMemory(this.#memory)
    this.#memory = undefined
    const { file, path } = this.#file ?? {}
    this.#file = undefined
    await file?.close()
    if (path !== undefined) await rm(path, { force: true })
  }

  #hasMemoryFor(length: number): boolean {
    const present = this.#memory?.length ?? 0
    if (length <= present) return true
    const wanted = Math.min(this.#capacity, Math.max(length, FIRST_BYTES, present * GROWTH))
    const memory = this.#space.takeMemory(wanted)
    if (memory === undefined) return false
    if (this.#memory !== undefined) {
      memory.set(this.#memory.subarray(0, this.#length))
      this.#space.giveMemory(this.#memory)
    }
    this.#memory = memory
    return true
  }

  async #moveToFile(): Promise<void> {
    this.#file = await this.#space.openFile()
    if (this.#memory === undefined) return
    await writeAll(this.#file.file, this.#memory.subarray(0, this.#length), 0)
    this.#space.giveMemory(this.#memory)
    this.#memory = undefined
  }
}

/** A file beside an upload, for those that read its bytes while they come. */
export class Spool {
  readonly path: string
  readonly #file: FileHandle
  #length = 0

  constructor({ path, file }: { readonly path: string; readonly file: FileHandle }) {
    this.path = path
    this.#file = file
  }

  async append(bytes: Uint8Array): Promise<void> {
    await writeAll(this.#file, bytes, this.#length)
    this.#length += bytes.length
  }

  async dispose(): Promise<void> {
    await this.#file.close()
    await rm(this.path, { force: true })
  }
}

/** A disk may take less than it was given without an error; the next write then fails. */
async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  try {
    for (let done = 0; done < bytes.length; ) {
      done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten
    }
  } catch (error) {
    throw told(error)
  }
}

/** A full disk is the operator's to mend and the client's to retry. */
function told(error: unknown): unknown {
  if (!hasCode(error, 'ENOSPC') && !hasCode(error, 'EDQUOT')) return error
  return unavailable(
    'The disk on which parts of uploads are gathered is full: large pushes fail until space is freed; pulls and deletes go on.',
    { retryAfterSeconds: 60, cause: error },
  )
}
