import { blobsOf, type Content, descriptorOf, type Image, jsonContent, makeImage, makeImageIndex } from './images.ts'

/** What a build pushes: one image, or an index of several. */
export interface Build {
  readonly manifest: Content
  /** The image itself, or those that the index names. */
  readonly images: readonly Image[]
}

/** An image with a layer of its own on top of others. */
export function imageOn(bases: readonly Content[], name: string): Image {
  const image = makeImage(name, { layers: 1 })
  const layers = [...bases, ...image.layers]
  const body = { ...JSON.parse(new TextDecoder().decode(image.manifest.bytes)), layers: layers.map(descriptorOf) }
  return { ...image, layers, manifest: jsonContent(image.manifest.mediaType, body) }
}

export function buildOf(image: Image): Build {
  return { manifest: image.manifest, images: [image] }
}

export function indexOf(images: readonly Image[]): Build {
  return makeImageIndex(images)
}

export function isIndex({ manifest, images }: Build): boolean {
  return images.every((image) => image.manifest !== manifest)
}

/** All that it leads to, itself last, as it is to be found in a repository. */
export function partsOfBuild(build: Build): readonly (readonly [kind: 'blob' | 'manifest', content: Content])[] {
  const parts = build.images.flatMap((image) => [
    ...blobsOf(image).map((blob) => ['blob', blob] as const),
    ...(isIndex(build) ? [['manifest', image.manifest] as const] : []),
  ])
  return [...parts, ['manifest', build.manifest]]
}
