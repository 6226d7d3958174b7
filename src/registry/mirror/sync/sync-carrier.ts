import type { Descriptor } from '../../../oci/descriptor.ts'
import type { Digest } from '../../../oci/digest.ts'
import { RegistryError } from '../../../oci/errors.ts'
import { type ManifestReference, parseManifest } from '../../../oci/manifest.ts'
import type { RepositoryName } from '../../../oci/name.ts'
import type { Reference } from '../../../oci/reference.ts'
import type { Semaphore } from '../../../runtime/semaphore.ts'
import type { CarriedManifest, Carrier } from '../../../upstream/carrying/carrier.ts'
import type { Retries } from '../../../upstream/carrying/retries.ts'
import type { MirroredBlobs } from '../mirrored-blobs.ts'
import type { MirroredManifests } from '../mirrored-manifests.ts'
import type { MirroredReferrers } from '../mirrored-referrers.ts'

export interface SyncCarrierOptions {
  readonly mirror: {
    readonly blobs: Pick<MirroredBlobs, 'bring'>
    readonly manifests: Pick<MirroredManifests, 'readConfirmed'>
    readonly referrers: Pick<MirroredReferrers, 'confirmed'>
  }
  /** By its name here. */
  readonly repository: RepositoryName
  readonly retries: Retries
  /** So many blobs come at once, of all repositories. */
  readonly permits: Semaphore
  /** Lets bytes pass that no client waits for. */
  readonly pace: (bytes: number) => Promise<void>
  readonly onBlob: (size: number) => void
}

/** Brings content of a mirrored repository as a client's pull does, so that a client that wants the same meanwhile shares the fetch. */
export class SyncCarrier implements Carrier {
  readonly #options: SyncCarrierOptions

  constructor(options: SyncCarrierOptions) {
    this.#options = options
  }

  /** It is here then. */
  async findManifest(reference: Reference, signal: AbortSignal): Promise<CarriedManifest | undefined> {
    const { mirror, repository, retries } = this.#options
    try {
      const read = () => untilEnded(signal, mirror.manifests.readConfirmed(repository, reference))
      const { manifest, content } = await retries.run(read, signal)
      const bytes = content instanceof Uint8Array ? content : await new Response(content).bytes()
      return { digest: manifest.digest, mediaType: manifest.mediaType, bytes, manifest: parseManifest(bytes, manifest.mediaType) }
    } catch (error) {
      if (error instanceof RegistryError && error.code === 'MANIFEST_UNKNOWN') return undefined
      throw error
    }
  }

  /** A mirror has manifests before what they name. */
  async isWhole(): Promise<boolean> {
    return false
  }

  async bringBlob({ descriptor: { digest }, mayBeAbsent }: ManifestReference, signal: AbortSignal): Promise<void> {
    const { mirror, repository, retries, permits, pace, onBlob } = this.#options
    const bring = async () => await untilEnded(signal, mirror.blobs.bring(repository, digest, pace))
    try {
      const size = await permits.run(() => retries.run(bring, signal))
      if (size !== undefined) onBlob(size)
    } catch (error) {
      // Layers that may lie elsewhere are pushed by few clients.
      if (!mayBeAbsent || !(error instanceof RegistryError) || error.code !== 'BLOB_UNKNOWN') throw error
    }
  }

  async keepManifest(): Promise<void> {
    // It was kept as it was found.
  }

  async listReferrers(subject: Digest, signal: AbortSignal): Promise<readonly Descriptor[]> {
    const { mirror, repository, retries } = this.#options
    const ask = async () => await untilEnded(signal, mirror.referrers.confirmed(repository, subject))
    const list = await retries.run(ask, signal)
    return list.list({ artifactType: undefined }, { last: undefined, limit: undefined }).entries
  }
}

/** What is fetched goes on behind the signal: a client may wait for it too. */
async function untilEnded<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result> {
  work.catch(() => undefined)
  const { promise, reject } = Promise.withResolvers<never>()
  const end = () => reject(signal.reason)
  signal.addEventListener('abort', end, { once: true })
  try {
    signal.throwIfAborted()
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', end)
  }
}
