import { describe, expect, test } from 'bun:test'
import {
  findManifestMediaType,
  isImageIndex,
  isNonDistributable,
  isOci,
  isSchema1,
  MANIFEST_MEDIA_TYPES,
  OCI_IMAGE_INDEX,
  OCI_IMAGE_MANIFEST,
} from './media-types.ts'

const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json'

describe('manifest media types', () => {
  test('are the two of Docker and the two of OCI, which registry:2 can read back', () => {
    expect(new Set<string>(MANIFEST_MEDIA_TYPES)).toEqual(
      new Set([DOCKER_LIST, DOCKER_MANIFEST, OCI_IMAGE_INDEX, OCI_IMAGE_MANIFEST]),
    )
  })

  test('are found by their exact text', () => {
    for (const mediaType of MANIFEST_MEDIA_TYPES) expect(findManifestMediaType(mediaType)).toBe(mediaType)
    for (const text of ['', 'application/json', `${OCI_IMAGE_INDEX} `, OCI_IMAGE_INDEX.toUpperCase(), '*/*']) {
      expect(findManifestMediaType(text)).toBeUndefined()
    }
  })

  test('are of an index or of one image, of OCI or of Docker', () => {
    expect(MANIFEST_MEDIA_TYPES.filter(isImageIndex)).toEqual([OCI_IMAGE_INDEX, DOCKER_LIST])
    expect(MANIFEST_MEDIA_TYPES.filter(isOci)).toEqual([OCI_IMAGE_MANIFEST, OCI_IMAGE_INDEX])
  })

  test('of schema 1 are known, to be refused with a clear word', () => {
    expect(isSchema1('application/vnd.docker.distribution.manifest.v1+json')).toBe(true)
    expect(isSchema1('application/vnd.docker.distribution.manifest.v1+prettyjws')).toBe(true)
    expect(MANIFEST_MEDIA_TYPES.some(isSchema1)).toBe(false)
  })
})

test('layers that may live elsewhere are those of image-spec and of Docker', () => {
  for (const suffix of ['tar', 'tar+gzip', 'tar+zstd']) {
    expect(isNonDistributable(`application/vnd.oci.image.layer.nondistributable.v1.${suffix}`)).toBe(true)
    expect(isNonDistributable(`application/vnd.oci.image.layer.v1.${suffix}`)).toBe(false)
  }
  expect(isNonDistributable('application/vnd.docker.image.rootfs.foreign.diff.tar.gzip')).toBe(true)
  expect(isNonDistributable('application/vnd.docker.image.rootfs.diff.tar.gzip')).toBe(false)
})
