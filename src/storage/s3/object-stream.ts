import { within } from '../../runtime/deadline.ts'
import { S3Error, unusableAnswer } from './requests/s3-error.ts'

export interface ObjectFacts {
  /** Bytes of the whole object. */
  readonly size: number
  readonly etag: string
  readonly changedAtMs: number
}

export interface OpenedObject extends Pick<ObjectFacts, 'size' | 'etag'> {
  /** The bytes that were asked for, all of them or an error; cancelling it ends the request. */
  readonly stream: ReadableStream<Uint8Array>
}

/** Asks for the object with these headers; undefined when it is absent. */
export type Ask = (headers: Record<string, string>) => Promise<Response | undefined>

const STALL_MS = 15_000
/** How often in a row it may break off without a byte between. */
const MOST_BREAKS = 4

export interface OpenOptions {
  /** Of the bytes to read, within the object; left out, all of them. */
  readonly range?: { readonly start: number; readonly end: number } | undefined
  /** A body from which nothing comes for so long has broken off. */
  readonly stallMs?: number | undefined
}

/**
 * Opens an object, or a part of it, as a stream that goes on by Range where the store breaks off, and ends only when every byte has come.
 * Undefined when the object is absent.
 */
export async function openObject(ask: Ask, { range, stallMs = STALL_MS }: OpenOptions = {}): Promise<OpenedObject | undefined> {
  const response = await ask(range === undefined ? {} : rangeHeader(range.start, range.end))
  if (response === undefined) return undefined
  const size = sizeOf(response)
  const etag = response.headers.get('etag') ?? ''
  const wanted = range ?? { start: 0, end: size }
  // A store that does not know Range sends the whole object.
  if (range !== undefined && response.status !== 206 && (range.start !== 0 || range.end !== size)) {
    await response.body?.cancel()
    throw unusableAnswer('does not answer ranged reads')
  }
  const source = new ObjectSource(ask, response, { ...wanted, size, etag, stallMs })
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => source.pull(controller),
      cancel: () => source.cancel(),
    },
    { highWaterMark: 0 },
  )
  return { size, etag, stream }
}

/** Of the whole object, as an answer with it, or with a part of it, tells. Throws when it does not: no length is not a length of zero. */
export function sizeOf(response: Response): number {
  const size = findSize(response)
  if (size === undefined) throw unusableAnswer('does not say how long the object is')
  return size
}

/** Of a body; the types of Bun's Response leave open what it gives. */
type Reader = ReadableStreamDefaultReader<Uint8Array>

interface Wanted {
  readonly start: number
  readonly end: number
  readonly size: number
  readonly etag: string
  readonly stallMs: number
}

class ObjectSource {
  readonly #ask: Ask
  readonly #wanted: Wanted
  #reader: Reader | undefined
  #position: number
  #breaks = 0
  #isCancelled = false

  constructor(ask: Ask, response: Response, wanted: Wanted) {
    this.#ask = ask
    this.#wanted = wanted
    this.#position = wanted.start
    this.#reader = response.body?.getReader() as Reader | undefined
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const { end } = this.#wanted
    while (this.#position < end) {
      const bytes = await this.#read()
      if (this.#isCancelled) return
      if (bytes !== undefined && bytes.length > 0) {
        this.#breaks = 0
        this.#position += bytes.length
        controller.enqueue(bytes)
        if (this.#position >= end) await this.#finish(controller)
        return
      }
    }
    await this.#finish(controller)
  }

  async cancel(): Promise<void> {
    this.#isCancelled = true
    await this.#reader?.cancel().catch(() => undefined)
  }

  async #finish(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    controller.close()
    await this.#reader?.cancel().catch(() => undefined)
  }

  /** Some bytes, never beyond the end; undefined when the body broke off and another answer is asked for. */
  async #read(): Promise<Uint8Array | undefined> {
    try {
      const { done, value } = await withinStall(this.#reader, this.#wanted.stallMs)
      if (!done) return value.subarray(0, this.#wanted.end - this.#position)
      throw new Error('the body ended early')
    } catch (error) {
      if (this.#isCancelled) return undefined
      await this.#goOn(error)
      return undefined
    }
  }

  async #goOn(cause: unknown): Promise<void> {
    const { end, size, etag } = this.#wanted
    this.#breaks += 1
    this.#reader?.cancel().catch(() => undefined)
    if (this.#breaks > MOST_BREAKS) throw broken(cause)
    await Bun.sleep(Math.random() * 100 * 2 ** this.#breaks)
    const headers = etag === '' ? {} : { 'if-match': etag }
    const response = await this.#ask({ ...headers, ...rangeHeader(this.#position, end) })
    const isRest = response !== undefined && (response.status === 206 || this.#position === 0) && findSize(response) === size
    // The reader may have gone meanwhile.
    if (!isRest || this.#isCancelled) {
      await response?.body?.cancel()
      throw broken(cause)
    }
    this.#reader = response.body?.getReader() as Reader | undefined
  }
}

function findSize({ status, headers }: Response): number | undefined {
  const total = status === 206 ? /\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1] : headers.get('content-length')
  const size = Number(total ?? Number.NaN)
  return Number.isSafeInteger(size) ? size : undefined
}

function rangeHeader(start: number, end: number): Record<string, string> {
  return { range: `bytes=${start}-${end - 1}` }
}

async function withinStall(reader: Reader | undefined, stallMs: number) {
  if (reader === undefined) return { done: true, value: undefined } as const
  const read = await within(reader.read(), stallMs, undefined)
  if (read === undefined) throw new Error(`nothing came for ${stallMs / 1000} s`)
  return read
}

function broken(cause: unknown): S3Error {
  const message = cause instanceof Error ? cause.message : 'the body broke off'
  return new S3Error({ status: undefined, code: '', message, request: 'a read', cause })
}
