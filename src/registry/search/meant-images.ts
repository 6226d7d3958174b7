import type { Digest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { ImageFacts } from '../../oci/image/image-facts.ts'
import { isImageIndex } from '../../oci/media-types.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Reference } from '../../oci/reference.ts'
import type { ImageContents, ImageContentsReader } from './image-contents.ts'
import type { Images } from './images.ts'

/** An image that a caller names. */
export interface MeantImage {
  readonly reference: Reference
  /** Which image of an image index; undefined: its first. */
  readonly platform: string | undefined
}

export interface FoundImage {
  /** Of an image index, that of the image which is meant. */
  readonly digest: Digest
  readonly contents: ImageContents
  /** Undefined where they have not been read. */
  readonly facts: ImageFacts | undefined
  /** Records of how it was built, which its image index has beside it. */
  readonly attestations: readonly Digest[]
}

/** Finds the one image that a tag or a digest means, also where that is of an image index. */
export class MeantImages {
  readonly #images: Pick<Images, 'image'>
  readonly #contents: Pick<ImageContentsReader, 'of'>

  constructor({
    images,
    contents,
  }: { readonly images: Pick<Images, 'image'>; readonly contents: Pick<ImageContentsReader, 'of'> }) {
    this.#images = images
    this.#contents = contents
  }

  /** Throws MANIFEST_UNKNOWN, also for a platform that an image index does not have, and UNSUPPORTED for a manifest that cannot be read. */
  async image(repository: RepositoryName, { reference, platform }: MeantImage): Promise<FoundImage> {
    const { manifest, facts } = await this.#images.image(repository, reference)
    const contents = await this.#contents.of(manifest.digest)
    if (contents === undefined) throw notReadable(reference)
    if (!isImageIndex(manifest.mediaType)) return { digest: manifest.digest, contents, facts, attestations: [] }
    const images = contents.images.filter(({ isAttestation }) => !isAttestation)
    const image = platform === undefined ? images[0] : images.find((child) => child.platform === platform)
    if (image === undefined) throw noSuchPlatform(reference, platform)
    const [child, inChild] = [await this.#images.image(repository, image.digest), await this.#contents.of(image.digest)]
    if (inChild === undefined) throw notReadable(reference)
    const attestations = contents.images.filter(({ attests }) => attests === image.digest).map(({ digest }) => digest)
    return { digest: image.digest, contents: inChild, facts: child.facts, attestations }
  }
}

function notReadable(reference: Reference): RegistryError {
  return new RegistryError('UNSUPPORTED', { message: `The manifest of ${reference} is too large to be shown, or damaged.` })
}

function noSuchPlatform(reference: Reference, platform: string | undefined): RegistryError {
  const what = platform === undefined ? 'no image' : `no image for ${platform.slice(0, 100)}`
  return new RegistryError('MANIFEST_UNKNOWN', { message: `The image index ${reference} has ${what}; name another platform.` })
}
