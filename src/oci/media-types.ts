/** The four manifest types that registry:2, registry:3 and their collectors can read back; others are refused at the door. */
export const MANIFEST_MEDIA_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
] as const

export type ManifestMediaType = (typeof MANIFEST_MEDIA_TYPES)[number]

export const OCI_IMAGE_MANIFEST: ManifestMediaType = 'application/vnd.oci.image.manifest.v1+json'
export const OCI_IMAGE_INDEX: ManifestMediaType = 'application/vnd.oci.image.index.v1+json'

export function findManifestMediaType(text: string): ManifestMediaType | undefined {
  return MANIFEST_MEDIA_TYPES.find((mediaType) => mediaType === text)
}

export function isImageIndex(mediaType: ManifestMediaType): boolean {
  return mediaType === OCI_IMAGE_INDEX || mediaType === 'application/vnd.docker.distribution.manifest.list.v2+json'
}

export function isOci(mediaType: ManifestMediaType): boolean {
  return mediaType === OCI_IMAGE_MANIFEST || mediaType === OCI_IMAGE_INDEX
}

/** Docker's schema 1: not a manifest of today, but worth a clear word. */
export function isSchema1(mediaType: string): boolean {
  return /^application\/vnd\.docker\.distribution\.manifest\.v1\+(json|prettyjws)$/.test(mediaType)
}

/** Layers that may live elsewhere (image-spec "Non-Distributable Layers", Docker's foreign layers): a push need not bring them. */
export function isNonDistributable(mediaType: string): boolean {
  return (
    mediaType.startsWith('application/vnd.oci.image.layer.nondistributable.v1.') ||
    mediaType === 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'
  )
}
