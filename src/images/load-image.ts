import { type ArchiveFiles, type OpenOptions, openArchive } from './archive/archive-files.ts'
import { findDockerImages, readDockerImage } from './archive/docker-archive.ts'
import { findOciLayout, type OciLayout, readOciImage } from './archive/oci-layout.ts'
import type { ImageContent } from './image-content.ts'
import { ImageError } from './image-error.ts'
import { LAYER_TYPES } from './layers/compressed-layer.ts'

export interface LoadOptions extends OpenOptions {
  /** The image that is meant, as the archive names it; undefined: the only one. */
  readonly image?: string | undefined
  /** Of an image index, the image for this platform alone. */
  readonly platform?: string | undefined
}

/**
 * Reads an image out of an archive or a folder: byte for byte where it lies there as it was pushed, else with its layers compressed. Throws
 * ImageError for everything else.
 */
export async function loadImage(source: string, options: LoadOptions): Promise<ImageContent> {
  const files = await openArchive(source, options)
  const layout = await findOciLayout(files)
  const docker = await findDockerImages(files)
  if (layout === undefined && docker === undefined) {
    throw new ImageError(
      `${files.label} holds no image: it has neither an index.json of an OCI layout nor a manifest.json of Docker; give what docker save, podman save or skopeo wrote`,
    )
  }
  if (layout !== undefined && (docker === undefined || (await isAsPushed(layout, options)))) {
    const { descriptor } = chosen(layout.images, options.image, files)
    return await readOciImage(layout, descriptor, options.platform)
  }
  return await readDockerImage(chosen(docker ?? [], options.image, files), { files, ...options })
}

/** Docker writes both forms, and without containerd's store its layers are not compressed in either. */
async function isAsPushed(layout: OciLayout, { image, platform }: LoadOptions): Promise<boolean> {
  const content = await readOciImage(layout, chosen(layout.images, image, layout.files).descriptor, platform)
  for await (const { descriptor } of content.blobs()) if (descriptor.mediaType === LAYER_TYPES.none) return false
  return true
}

/** Throws ImageError where the archive has several images and none is named, or none of that name. */
function chosen<Image extends { readonly names: readonly string[] }>(
  images: readonly Image[],
  wanted: string | undefined,
  { label }: ArchiveFiles,
): Image {
  const names = [...new Set(images.flatMap((image) => image.names))]
  const listed = names.length === 0 ? 'images without a name' : names.slice(0, 10).join(', ')
  const found = wanted === undefined ? images : images.filter((image) => image.names.some((name) => isNamed(name, wanted)))
  const [first, second] = found
  if (first === undefined && wanted !== undefined) throw new ImageError(`${label} has no image ${wanted}; it has ${listed}`)
  if (first === undefined) throw new ImageError(`${label} holds no image`)
  if (second !== undefined) throw new ImageError(`${label} has several images (${listed}); choose one with --image`)
  return first
}

/** Docker leaves out what it takes for granted. */
function isNamed(name: string, wanted: string): boolean {
  return name === wanted || name === `docker.io/${wanted}` || name === `docker.io/library/${wanted}`
}
