import type { Digest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { ByteRange } from '../../storage/driver.ts'
import type { PulledRegistry } from '../../upstream/upstreams.ts'
import type { BlobStore, StoredBlob } from '../content/blob-store.ts'
import { streamOfPieces } from '../uploads/shared-piece.ts'
import type { Absences } from './absences.ts'
import type { ArrivingBlob } from './arriving-blob.ts'
import { unknownUpstream } from './blob-fetch.ts'
import type { BlobFetches } from './blob-fetches.ts'

export interface MirroredBlobsOptions {
  readonly upstream: PulledRegistry
  readonly blobs: Pick<BlobStore, 'find' | 'content' | 'redirectUrl'>
  readonly fetches: BlobFetches
  readonly absences: Absences
  readonly signal: AbortSignal
}

/** What makes room leaves a blob for a second after a look at it could have rescued it: of that a server has the rest to open its file. */
const LOOK_GOOD_FOR_MS = 300

/** A blob of the mirror, which may still be on its way. */
export interface MirroredBlob extends StoredBlob {
  readonly repository: RepositoryName
  readonly lookedAtMs: number
  /** Undefined: it is here. */
  readonly arriving?: ArrivingBlob | undefined
}

/** Blobs as pulls see them: what is here, and what the upstream has, fetched as it is read. */
export class MirroredBlobs {
  readonly #options: MirroredBlobsOptions

  constructor(options: MirroredBlobsOptions) {
    this.#options = options
  }

  /**
   * With its bytes, what is not here is fetched; without, the upstream is asked for its size. Throws BLOB_UNKNOWN where the upstream answers
   * 404, and UpstreamFailure.
   */
  async get(repository: RepositoryName, digest: Digest, { withBytes }: { readonly withBytes: boolean }): Promise<MirroredBlob> {
    const { upstream, blobs, fetches, absences } = this.#options
    const look = { repository, lookedAtMs: performance.now() }
    const found = await blobs.find(repository, digest)
    if (found !== undefined) return { ...found, ...look }
    const name = `blob ${repository} ${digest}`
    if (absences.has(name)) throw unknownUpstream(upstream, digest)
    try {
      const arriving = withBytes ? fetches.open(repository, digest) : fetches.find(repository, digest)
      const size = arriving === undefined ? await this.#sizeAtUpstream(repository, digest) : await arriving.size
      return { digest, size, target: digest, ...look, arriving }
    } catch (error) {
      if (error instanceof RegistryError && error.code === 'BLOB_UNKNOWN') absences.add(name)
      throw error
    }
  }

  /** It is here when this resolves, with the size of what had to come. Throws as `get`. `pace`: as BlobFetchParts has it. */
  async bring(repository: RepositoryName, digest: Digest, pace: (bytes: number) => Promise<void>): Promise<number | undefined> {
    const { blobs, fetches } = this.#options
    for (;;) {
      if ((await blobs.find(repository, digest)) !== undefined) return undefined
      const arriving = fetches.open(repository, digest, pace)
      const size = await arriving.whole()
      if (!arriving.hasPassed) return size
      // It was the fetch of a client, which keeps nothing that is larger than the mirror.
      await fetches.untilEnded(repository, digest)
    }
  }

  /** The bytes of a blob from `get`, or a part of them. What has gone since, because the process was kept waiting, is fetched again. */
  async content(seen: MirroredBlob, range?: ByteRange): Promise<Blob | ReadableStream<Uint8Array>> {
    const isOld = seen.arriving === undefined && performance.now() - seen.lookedAtMs > LOOK_GOOD_FOR_MS
    const { arriving, ...blob } = isOld ? await this.get(seen.repository, seen.digest, { withBytes: true }) : seen
    if (arriving === undefined) return await this.#options.blobs.content(blob, range)
    return streamOfPieces(arriving.read(range ?? { start: 0, end: blob.size }))
  }

  async redirectUrl({ arriving, ...blob }: MirroredBlob): Promise<string | undefined> {
    return arriving === undefined ? await this.#options.blobs.redirectUrl(blob) : undefined
  }

  /** An upstream that does not say a size is asked for the blob, and then this registry knows it. */
  async #sizeAtUpstream(repository: RepositoryName, digest: Digest): Promise<number> {
    const { upstream, fetches, signal } = this.#options
    const found = await upstream.findBlob(repository, digest, signal)
    if (found === undefined) throw unknownUpstream(upstream, digest)
    return found.size ?? (await fetches.open(repository, digest).size)
  }
}
