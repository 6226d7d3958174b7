import type { Annotations, Descriptor } from '../oci/descriptor.ts'
import { digestOf } from '../oci/digest.ts'
import { OCI_IMAGE_INDEX, OCI_IMAGE_MANIFEST } from '../oci/media-types.ts'
import type { ManifestContent } from './image-content.ts'

export interface ImageParts {
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
  readonly annotations?: Annotations | undefined
}

/** image-spec manifest.md. The same parts give the same bytes. */
export function imageManifest({ config, layers, annotations }: ImageParts): ManifestContent {
  return content(OCI_IMAGE_MANIFEST, {
    schemaVersion: 2,
    mediaType: OCI_IMAGE_MANIFEST,
    config: plain(config),
    layers: layers.map(plain),
    ...(annotations === undefined ? {} : { annotations }),
  })
}

/** image-spec image-index.md. */
export function imageIndex(images: readonly Descriptor[]): ManifestContent {
  return content(OCI_IMAGE_INDEX, { schemaVersion: 2, mediaType: OCI_IMAGE_INDEX, manifests: images.map(plain) })
}

/** In the order in which the specification has the fields, and without those that are not there. */
function plain({ mediaType, digest, size, urls, annotations, platform }: Descriptor) {
  return {
    ...{ mediaType, digest, size },
    ...(urls === undefined ? {} : { urls }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(platform === undefined ? {} : { platform }),
  }
}

function content(mediaType: string, value: unknown): ManifestContent {
  const bytes = new TextEncoder().encode(JSON.stringify(value))
  return { digest: digestOf('sha256', bytes), mediaType, bytes }
}
