import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import { type ManifestReference, parseManifest } from '../../oci/manifest.ts'
import { requireBounds } from '../../oci/manifest-bounds.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Reference, Tag } from '../../oci/reference.ts'
import type { Semaphore } from '../../runtime/semaphore.ts'
import type { CarriedManifest, Carrier } from '../../upstream/carrying/carrier.ts'
import type { RateLimit } from '../../upstream/carrying/rate-limit.ts'
import type { Retries } from '../../upstream/carrying/retries.ts'
import type { PushedBlob, PushTarget } from '../../upstream/push-target.ts'
import type { Upstream } from '../../upstream/upstream.ts'
import { resumedBlob } from './resumed-blob.ts'

export interface ImportCarrierOptions {
  readonly source: Upstream
  readonly target: PushTarget
  /** The repository, by its names there and here. */
  readonly there: RepositoryName
  readonly here: RepositoryName
  /** Tags that are here with other images are moved to those that they have there. */
  readonly moves: boolean
  readonly sourceRetries: Retries
  readonly targetRetries: Retries
  readonly rate: Pick<RateLimit, 'pass'> | undefined
  /** So many blobs are sent at once, of all repositories. */
  readonly permits: Semaphore
  /** Where blobs went in this run: the target mounts them from there. */
  readonly placed: Map<Digest, RepositoryName>
  readonly onBlob: (descriptor: Descriptor, pushed: PushedBlob) => void
  /** A tag that is attached to an image is here with other content, and stays. */
  readonly onOther: (tag: Tag) => void
}

/** More names of blobs are not kept: a blob that is sent once more is one that the target has, and it says so. */
const MOST_PLACED = 200_000

/** Brings what one repository of another registry has into a registry, as a client of both. */
export class ImportCarrier implements Carrier {
  readonly #options: ImportCarrierOptions
  readonly #blobs = new Map<Digest, Promise<void>>()

  constructor(options: ImportCarrierOptions) {
    this.#options = options
  }

  async findManifest(reference: Reference, signal: AbortSignal): Promise<CarriedManifest | undefined> {
    const { source, there, sourceRetries } = this.#options
    const found = await sourceRetries.run(() => source.findManifest(there, reference, signal), signal)
    if (found === undefined) return undefined
    const { digest, bytes, contentType } = found
    requireBounds(bytes)
    const manifest = parseManifest(bytes, contentType)
    return { digest, mediaType: manifest.mediaType, bytes, manifest }
  }

  /** The target takes no manifest before what it names. */
  async isWhole(digest: Digest, signal: AbortSignal): Promise<boolean> {
    return (await this.findHere(digest, signal)) === digest
  }

  async findHere(reference: Reference, signal: AbortSignal): Promise<Digest | undefined> {
    const { target, here, targetRetries } = this.#options
    return await targetRetries.run(() => target.findManifest(here, reference, signal), signal)
  }

  /** Whatever number of images have it, once. */
  async bringBlob(reference: ManifestReference, signal: AbortSignal): Promise<void> {
    const { digest } = reference.descriptor
    const bringing = this.#blobs.get(digest) ?? this.#options.permits.run(() => this.#bring(reference, signal))
    this.#blobs.set(digest, bringing)
    await bringing
  }

  async #bring({ descriptor, mayBeAbsent }: ManifestReference, signal: AbortSignal): Promise<void> {
    const { source, target, there, here, rate, targetRetries, placed, onBlob } = this.#options
    const { digest, size } = descriptor
    const chunks = () => resumedBlob(descriptor, { upstream: source, repository: there, rate, signal })
    const blob = { digest, size, mountFrom: placed.get(digest), chunks }
    try {
      onBlob(descriptor, await targetRetries.run(() => target.putBlob(here, blob, signal), signal))
      if (placed.size < MOST_PLACED) placed.set(digest, here)
    } catch (error) {
      // Layers that may lie elsewhere are pushed by few clients.
      if (!mayBeAbsent || !(error instanceof RegistryError) || error.code !== 'BLOB_UNKNOWN') throw error
    }
  }

  async keepManifest(manifest: CarriedManifest, tag: Tag | undefined, signal: AbortSignal): Promise<void> {
    const { target, here, moves, targetRetries, onOther } = this.#options
    if (tag !== undefined) {
      const held = await this.findHere(tag, signal)
      if (held === manifest.digest) return
      if (held !== undefined && !moves) return onOther(tag)
    }
    const { digest, mediaType, bytes } = manifest
    const pushed = { reference: tag ?? digest, digest, mediaType, bytes }
    await targetRetries.run(() => target.putManifest(here, pushed, signal), signal)
  }

  async listReferrers(subject: Digest, signal: AbortSignal): Promise<readonly Descriptor[]> {
    const { source, there, sourceRetries } = this.#options
    return (await sourceRetries.run(() => source.findReferrers(there, subject, signal), signal))?.referrers ?? []
  }
}
