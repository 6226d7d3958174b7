import { type Content, contentOf, descriptorOf, fixedBytes, type Image, jsonContent } from './images.ts'

const TYPES = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const

/** A layer of so many bytes; the same name gives the same ones. */
export function sizedLayer(name: string, bytes: number): Content {
  const own = Buffer.from(`${name} `)
  return contentOf(TYPES.layer, Buffer.concat([own, fixedBytes(bytes - own.length)]))
}

/** An image of such layers. */
export function imageOf(name: string, layers: readonly Content[]): Image {
  const config = jsonContent(TYPES.config, { architecture: 'amd64', os: 'linux', config: { Labels: { name } } })
  const manifest = jsonContent(TYPES.manifest, {
    schemaVersion: 2,
    mediaType: TYPES.manifest,
    config: descriptorOf(config),
    layers: layers.map(descriptorOf),
  })
  return { manifest, config, layers }
}

/** An image of one layer of so many bytes. */
export function sizedImage(name: string, bytes: number): Image {
  return imageOf(name, [sizedLayer(name, bytes)])
}
