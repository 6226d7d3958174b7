import { blobsOf, type Content, type Image } from './images.ts'
import type { Tagged } from './served-by-peer.ts'

/** Where the link to a part of an image lies, below its repository. */
export type PartKind = '_layers' | '_manifests/revisions'

/** What must be there for the push of a manifest to be taken. */
export function partsOf({ manifest, images }: Tagged): readonly (readonly [Content, PartKind])[] {
  return images.flatMap((image): (readonly [Content, PartKind])[] =>
    image.manifest === manifest ? blobsOf(image).map((blob) => [blob, '_layers']) : [[image.manifest, '_manifests/revisions']],
  )
}

export function partsOfImage(image: Image): readonly (readonly [Content, PartKind])[] {
  return [...blobsOf(image).map((blob) => [blob, '_layers'] as const), [image.manifest, '_manifests/revisions'] as const]
}
