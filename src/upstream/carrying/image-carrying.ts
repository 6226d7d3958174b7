import type { Descriptor, Platform } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import { suits } from '../../oci/image/platform.ts'
import type { ManifestReference } from '../../oci/manifest.ts'
import { findManifestMediaType, isImageIndex } from '../../oci/media-types.ts'
import { isDigest, type Reference, type Tag } from '../../oci/reference.ts'
import { attachedName } from '../../oci/tags/attached-tag.ts'
import { manifestUnknown } from '../../oci/unknown.ts'
import type { CarriedManifest, Carrier } from './carrier.ts'

export interface ImageCarryingOptions {
  readonly carrier: Carrier
  /** Tags of the repository there that attach something to an image, by the name that they have of it. */
  readonly attached: ReadonlyMap<string, readonly Tag[]>
  /** Of an image index the images for these alone; empty: all. */
  readonly platforms: readonly Platform[]
  /** Of the manifests that are here now. */
  readonly onManifest?: (digest: Digest, tag: Tag | undefined) => Promise<void>
}

/** Indexes name images, and rarely indexes again; what refers to an image is rarely referred to. */
const MOST_LEVELS = 6
/** Of one tag, with all that belongs to it. */
const MOST_MANIFESTS = 50_000

/**
 * Brings whole images of one repository: an index with its images, what refers to each of them, and what is attached to them by a tag. A manifest is
 * kept when all that it names is here, so that work which is cut anywhere leaves nothing that looks whole and is not.
 */
export class ImageCarrying {
  readonly #options: ImageCarryingOptions
  /** Each manifest is brought once, with what it names. */
  readonly #trees = new Map<Digest, Promise<readonly Digest[]>>()
  /** What belongs to these was asked for. */
  readonly #asked = new Set<Digest>()

  /** Tags that are here now. */
  readonly #tags = new Set<Tag>()

  constructor(options: ImageCarryingOptions) {
    this.#options = options
  }

  /** Whether it has brought a tag, by itself or with the image to which it attaches something. */
  has(tag: Tag): boolean {
    return this.#tags.has(tag)
  }

  /** Throws what the carrier throws, and MANIFEST_UNKNOWN where the tag is gone there. `found`: the manifest, where it is known already. */
  async bringTag(tag: Tag, signal: AbortSignal, found?: CarriedManifest): Promise<Digest> {
    const root = found ?? (await this.#get(tag, signal))
    const budget = { manifests: MOST_MANIFESTS }
    const waiting = [...(await this.#keep({ manifest: root, tag, level: 0, budget }, signal))]
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { reference, about, level } = next
      const manifest = await this.#options.carrier.findManifest(reference, signal)
      // A list may name what has gone, or is about something else.
      if (manifest === undefined || (about !== undefined && manifest.manifest.subject?.digest !== about)) continue
      const named = isDigest(reference) ? undefined : reference
      waiting.push(...(await this.#keep({ manifest, tag: named, level, budget }, signal)))
    }
    return root.digest
  }

  /** Gives what belongs to the manifests that came, by its names. */
  async #keep(top: Carried, signal: AbortSignal): Promise<readonly Belonging[]> {
    const { carrier, onManifest } = this.#options
    const { manifest, tag, level } = top
    const isKnown = this.#trees.has(manifest.digest)
    const digests = await this.#tree(top, signal)
    if (isKnown && tag !== undefined) await carrier.keepManifest(manifest, tag, signal)
    if (tag !== undefined) this.#tags.add(tag)
    await onManifest?.(manifest.digest, tag)
    const belonging: Belonging[] = []
    for (const digest of digests) belonging.push(...(await this.#belongingTo(digest, level + 1, signal)))
    return belonging
  }

  async #tree(top: Carried, signal: AbortSignal): Promise<readonly Digest[]> {
    const { digest } = top.manifest
    const tree = this.#trees.get(digest) ?? this.#bringTree(top, signal)
    this.#trees.set(digest, tree)
    return await tree
  }

  /** Below a manifest there is none that leads back to it: their digests say so. */
  async #bringTree({ manifest: found, tag, level, budget }: Carried, signal: AbortSignal): Promise<readonly Digest[]> {
    const { carrier } = this.#options
    budget.manifests -= 1
    if (level > MOST_LEVELS || budget.manifests < 0) throw tooMany(found.digest)
    const isWhole = await carrier.isWhole(found.digest, signal)
    const digests: Digest[] = [found.digest]
    const blobs: ManifestReference[] = []
    for (const reference of this.#wanted(found.manifest.references)) {
      const { digest, mediaType } = reference.descriptor
      const kind = reference.role === 'child' ? findManifestMediaType(mediaType) : undefined
      if (kind === undefined) blobs.push(reference)
      else if (isWhole && !isImageIndex(kind)) digests.push(digest)
      else digests.push(...(await this.#child(digest, { level: level + 1, budget }, signal)))
    }
    if (!isWhole) await this.#bringBlobs(blobs, signal)
    if (!isWhole || tag !== undefined) await carrier.keepManifest(found, tag, signal)
    return digests
  }

  /** Where one fails the others end first, so that none goes on behind the failure. */
  async #bringBlobs(blobs: readonly ManifestReference[], signal: AbortSignal): Promise<void> {
    const bringing = blobs.map((blob) => this.#options.carrier.bringBlob(blob, signal))
    await Promise.allSettled(bringing)
    await Promise.all(bringing)
  }

  async #child(digest: Digest, place: Pick<Carried, 'level' | 'budget'>, signal: AbortSignal): Promise<readonly Digest[]> {
    const known = this.#trees.get(digest)
    return await (known ?? this.#tree({ manifest: await this.#get(digest, signal), tag: undefined, ...place }, signal))
  }

  /** What says something about an image that is left out is left out with it: BuildKit's attestations stand in the index beside their images. */
  #wanted(references: readonly ManifestReference[]): readonly ManifestReference[] {
    const { platforms } = this.#options
    const isOfImage = ({ platform }: Descriptor) => platform !== undefined && platform.os !== 'unknown'
    const leftOut = new Set<string>(
      references.flatMap(({ role, descriptor }) => {
        const isWanted = platforms.length === 0 || platforms.some((wanted) => suits(descriptor.platform, wanted))
        return role === 'child' && isOfImage(descriptor) && !isWanted ? [descriptor.digest] : []
      }),
    )
    return references.filter(({ descriptor: { digest, annotations } }) => {
      const about = annotations?.['vnd.docker.reference.digest']
      return !leftOut.has(digest) && (about === undefined || !leftOut.has(about))
    })
  }

  /** By names alone: there may be thousands, and each may be large. */
  async #belongingTo(digest: Digest, level: number, signal: AbortSignal): Promise<readonly Belonging[]> {
    if (this.#asked.has(digest)) return []
    this.#asked.add(digest)
    const { carrier, attached } = this.#options
    const referrers = await carrier.listReferrers(digest, signal)
    const tags = attached.get(attachedName(digest)) ?? []
    return [
      ...referrers.map((referrer) => ({ reference: referrer.digest, about: digest, level })),
      ...tags.map((tag) => ({ reference: tag, about: undefined, level })),
    ]
  }

  async #get(reference: Reference, signal: AbortSignal): Promise<CarriedManifest> {
    const found = await this.#options.carrier.findManifest(reference, signal)
    if (found === undefined) throw manifestUnknown(reference)
    return found
  }
}

/** A manifest with a tag, or one that belongs to another. */
interface Carried {
  readonly manifest: CarriedManifest
  readonly tag: Tag | undefined
  /** How many lead to it from the first one. */
  readonly level: number
  readonly budget: { manifests: number }
}

/** What belongs to a manifest, by its name there. */
interface Belonging {
  readonly reference: Reference
  /** A referrer has this subject. Undefined: it is attached by its tag. */
  readonly about: Digest | undefined
  readonly level: number
}

function tooMany(reference: Reference): RegistryError {
  return new RegistryError('MANIFEST_INVALID', { message: `Too many manifests belong to ${reference}, one in another.` })
}
