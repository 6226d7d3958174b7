import { setTimeout } from 'node:timers/promises'
import type { Log } from '../observe/log.ts'
import { storagePath } from '../storage/driver.ts'
import { berthLayout } from '../storage/layout.ts'
import { S3Error } from '../storage/s3/requests/s3-error.ts'
import type { OpenedStorage } from './opened-storage.ts'

const PAUSE_MS = 1_000
/** What a certificate that is not trusted is called by the runtime. */
const UNTRUSTED = /CERT|VERIFY|SELF_SIGNED/

export interface WaitOptions {
  readonly log: Log
  readonly signal: AbortSignal
  /** What the operator is to read of a failure, with the places of the settings that it names. */
  readonly explain: (error: unknown) => Promise<unknown>
}

/**
 * Resolves when the object store answers and has the bucket. It may be started at the same moment as this process, by something that starts
 * this one only once, and its bucket made later still. Throws what does not pass by waiting, and an AbortError by the signal.
 */
export async function waitForStore(objects: OpenedStorage['objects'], { log, signal, explain }: WaitOptions): Promise<void> {
  for (let waits = 0; ; waits += 1) {
    try {
      await objects.list(storagePath(berthLayout.directory))
      if (waits > 0) log.info('the object store can be used')
      return
    } catch (error) {
      if (!mayPass(error)) throw error
      if (waits === 0) {
        const explained = await explain(error)
        const reason = explained instanceof Error ? explained.message : String(explained)
        log.error('every request is refused until the object store can be used', { reason })
      }
    }
    await setTimeout(PAUSE_MS, undefined, { signal })
  }
}

function mayPass(error: unknown): boolean {
  if (!(error instanceof S3Error)) return false
  return error.s3Code === 'NoSuchBucket' || (error.isPassing && !isUntrusted(error))
}

function isUntrusted(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && cause !== error && UNTRUSTED.test(String(cause.code))) return true
  }
  return false
}
