import type { Descriptor } from '../../oci/descriptor.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { blobUnknown } from '../../oci/unknown.ts'
import type { RateLimit } from '../../upstream/carrying/rate-limit.ts'
import type { Upstream } from '../../upstream/upstream.ts'
import { noAnswer, UpstreamFailure } from '../../upstream/upstream-failure.ts'

export interface ResumedBlobOptions {
  readonly upstream: Pick<Upstream, 'openBlob' | 'asked'>
  readonly repository: RepositoryName
  /** Undefined: as fast as it comes. */
  readonly rate: Pick<RateLimit, 'pass'> | undefined
  readonly signal: AbortSignal
}

/**
 * The bytes of a blob of another registry. Where the connection breaks off after some of them, it goes on where it was. Throws BLOB_UNKNOWN, and
 * UpstreamFailure; the bytes are checked by what takes them.
 */
export async function* resumedBlob({ digest, size }: Descriptor, options: ResumedBlobOptions): AsyncGenerator<Uint8Array> {
  const { upstream, repository, rate, signal } = options
  for (let at = 0; ; ) {
    const before = at
    try {
      const blob = await upstream.openBlob(repository, digest, at, signal)
      if (blob === undefined) throw blobUnknown(digest)
      try {
        // A registry that does not know Range sends what has come already.
        let known = at - blob.start
        for await (const chunk of blob.chunks) {
          const bytes = chunk.subarray(Math.min(known, chunk.length))
          known -= chunk.length - bytes.length
          if (bytes.length === 0) continue
          at += bytes.length
          await rate?.pass(bytes.length, signal)
          yield bytes
        }
      } finally {
        blob.discard()
      }
      if (at >= size) return
      throw noAnswer(upstream.asked, new Error('a blob ended early'))
    } catch (error) {
      const mayGoOn = error instanceof UpstreamFailure && error.mayPass && at > before
      if (!mayGoOn) throw error
    }
  }
}
