import type { RunningDigest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { StorageDriver, UploadWriter } from '../../storage/driver.ts'
import { storageFull } from '../../storage/storage-errors.ts'
import type { RequireRoom } from '../quotas/quotas.ts'
import { restAfterSmallChunk } from '../rest.ts'
import type { Turns } from './turns.ts'
import type { WaitingPlaces } from './waiting-places.ts'

/** A body on its way in. */
export interface IncomingChunk {
  readonly body: ReadableStream<Uint8Array> | null
  /** Where the client says the chunk starts (Content-Range), or undefined: at the end of what is there. */
  readonly start: number | undefined
  /** How many bytes the client says the chunk has, or undefined: until the body ends. Fewer or more: SIZE_INVALID. */
  readonly length: number | undefined
}

/** Where the bytes go. */
export interface Receiver {
  readonly writer: UploadWriter
  readonly digest: RunningDigest | undefined
  readonly turns: Turns
  readonly places: WaitingPlaces
  /** Undefined: no quota sets a limit. */
  readonly requireRoom: RequireRoom | undefined
}

/** Smaller uploads, and the end of each, are let through: a small layer would wait behind 32 large ones. */
const LARGEST_WITHOUT_TURNS = 256 * 1024

/**
 * Streams a body to its end: hashed where a digest runs, written with backpressure, a bounded part in memory. What has been written
 * when it throws is kept by the writer. Throws SIZE_INVALID, UNAVAILABLE on a full storage, QuotaReached at the chunk that is too much, or
 * before the first where the length tells, and what the body throws when the client goes away.
 */
export async function receive(chunk: IncomingChunk, { writer, digest, turns, places, requireRoom }: Receiver): Promise<void> {
  requireRoom?.(writer.offset + (chunk.length ?? 0))
  using place = places.enter({ hasLength: chunk.length !== undefined })
  let received = 0
  const mayWait = () => place.mayWait(received)
  for await (const bytes of chunk.body ?? []) {
    const size = bytes.length
    received += size
    if (chunk.length !== undefined && received > chunk.length) throw sizeInvalid(received, chunk.length)
    requireRoom?.(writer.offset + size)
    digest?.update(bytes)
    await writer.write(bytes, mayWait)
    if (received > LARGEST_WITHOUT_TURNS && received !== chunk.length) await turns.pass(size, mayWait)
    await restAfterSmallChunk(size)
  }
  if (chunk.length !== undefined && received !== chunk.length) throw sizeInvalid(received, chunk.length)
}

/** Tells a client before it sends anything what each write would tell it later. Throws UNAVAILABLE. */
export async function requireSpace(storage: StorageDriver): Promise<void> {
  const space = await storage.space()
  if (space === undefined || space.freeBytes >= space.reserveBytes) return
  throw storageFull()
}

function sizeInvalid(received: number, declared: number): RegistryError {
  return new RegistryError('SIZE_INVALID', { detail: { received, declared } })
}
