import type { Descriptor, Platform } from '../oci/descriptor.ts'
import { platformIn, suits } from '../oci/image/platform.ts'
import type { ManifestReference } from '../oci/manifest.ts'
import { findManifestMediaType, isImageIndex } from '../oci/media-types.ts'
import { ImageError } from './image-error.ts'

/** Go's names of what Bun runs on. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

/** Of this machine's containers. */
export function ownPlatform(): Platform {
  return { os: 'linux', architecture: ARCHITECTURES[process.arch] ?? process.arch }
}

/** `linux/arm64`, `linux/arm/v7`. Throws ImageError. */
export function parsePlatform(text: string): Platform {
  const platform = platformIn(text)
  if (platform === undefined) throw new ImageError(`${text} is no platform; write it as linux/amd64 or linux/arm/v7`)
  return platform
}

export function platformName({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/')
}

/** The image for a platform out of an image index; an image that is in none stands for itself. Throws ImageError. */
export async function choosePlatform(
  image: Descriptor,
  platform: string,
  referencesOf: (index: Descriptor) => Promise<readonly ManifestReference[]>,
): Promise<Descriptor> {
  const mediaType = findManifestMediaType(image.mediaType)
  if (mediaType !== undefined && !isImageIndex(mediaType)) return image
  const children = (await referencesOf(image)).filter(({ role }) => role === 'child').map(({ descriptor }) => descriptor)
  if (children.length === 0) return image
  const wanted = parsePlatform(platform)
  const chosen = children.find((child) => suits(child.platform, wanted))
  if (chosen !== undefined) return chosen
  const there = children.flatMap((child) => (child.platform === undefined ? [] : [platformName(child.platform)]))
  throw new ImageError(
    `there is no image for ${platform} in it; there is ${[...new Set(there)].join(', ') || 'none with a platform'}`,
  )
}
