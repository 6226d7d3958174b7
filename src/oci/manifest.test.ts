import { describe, expect, test } from 'bun:test'
import { digestOf } from './digest.ts'
import { parseManifest } from './manifest.ts'
import { MANIFEST_MEDIA_TYPES, OCI_IMAGE_INDEX, OCI_IMAGE_MANIFEST } from './media-types.ts'

const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json'
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json'
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip'

const config = descriptor('config', CONFIG_TYPE)
const layer = descriptor('layer', LAYER_TYPE)
const child = descriptor('child', OCI_IMAGE_MANIFEST)
const subject = descriptor('subject', OCI_IMAGE_MANIFEST)

const image = { schemaVersion: 2, mediaType: OCI_IMAGE_MANIFEST, config, layers: [layer] }
const imageIndex = { schemaVersion: 2, mediaType: OCI_IMAGE_INDEX, manifests: [child] }

function descriptor(text: string, mediaType: string) {
  const bytes = new TextEncoder().encode(text)
  return { mediaType, digest: digestOf('sha256', bytes), size: bytes.length }
}

function bytesOf(body: unknown): Uint8Array {
  return new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body))
}

function refusal(body: unknown, contentType?: string): string {
  try {
    parseManifest(bytesOf(body), contentType)
  } catch (error) {
    expect(error).toMatchObject({ name: 'RegistryError', code: 'MANIFEST_INVALID' })
    return (error as Error).message
  }
  throw new Error('the manifest was not refused')
}

describe('an image manifest', () => {
  test('names its config and its layers, in their order', () => {
    const second = descriptor('second', LAYER_TYPE)

    const manifest = parseManifest(bytesOf({ ...image, layers: [layer, second] }), OCI_IMAGE_MANIFEST)

    expect(manifest.mediaType).toBe(OCI_IMAGE_MANIFEST)
    expect(manifest.references).toMatchObject([
      { role: 'config', descriptor: config, mayBeAbsent: false },
      { role: 'layer', descriptor: layer, mayBeAbsent: false },
      { role: 'layer', descriptor: second, mayBeAbsent: false },
    ])
    expect(manifest.subject).toBeUndefined()
  })

  test.each([[[]], [null], [undefined]])('may have no layers: %j', (layers) => {
    expect(parseManifest(bytesOf({ ...image, layers })).references).toHaveLength(1)
  })

  test.each([
    'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
    'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  ])('may miss its layers of type %s', (mediaType) => {
    const { references } = parseManifest(bytesOf({ ...image, layers: [layer, { ...layer, mediaType, urls: ['https://x'] }] }))

    expect(references.map(({ mayBeAbsent }) => mayBeAbsent)).toEqual([false, false, true])
  })

  test('is of the artifact type that it names, else of that of its config (end-12a)', () => {
    const type = 'application/vnd.example.sbom'

    expect(parseManifest(bytesOf({ ...image, artifactType: type })).artifactType).toBe(type)
    expect(parseManifest(bytesOf(image)).artifactType).toBe(CONFIG_TYPE)
    expect(parseManifest(bytesOf({ ...image, artifactType: '' })).artifactType).toBe(CONFIG_TYPE)
    expect(parseManifest(bytesOf({ ...image, config: { digest: config.digest, size: 6 } })).artifactType).toBeUndefined()
  })

  test('carries its subject and its annotations for the referrers API', () => {
    const annotations = { 'org.example.key': 'value' }

    const manifest = parseManifest(bytesOf({ ...image, subject, annotations }))

    expect(manifest.subject).toMatchObject(subject)
    expect(manifest.annotations).toEqual(annotations)
  })

  test.each(['subject', 'artifactType', 'annotations'])('of Docker may hold anything as %s', (field) => {
    expect(parseManifest(bytesOf({ ...image, mediaType: DOCKER_MANIFEST, [field]: 7 })).references).toHaveLength(2)
    expect(refusal({ ...image, [field]: 7 })).toContain(`${field}:`)
  })

  test('of Docker has no subject', () => {
    expect(parseManifest(bytesOf({ ...image, mediaType: DOCKER_MANIFEST, subject })).subject).toBeUndefined()
  })
})

describe('an image index', () => {
  test('names its children', () => {
    const manifest = parseManifest(bytesOf(imageIndex), OCI_IMAGE_INDEX)

    expect(manifest.mediaType).toBe(OCI_IMAGE_INDEX)
    expect(manifest.references).toMatchObject([{ role: 'child', descriptor: child, mayBeAbsent: false }])
  })

  test.each([[[]], [null], [undefined]])('may have no children: %j', (manifests) => {
    expect(parseManifest(bytesOf({ ...imageIndex, manifests })).references).toEqual([])
  })

  test('has an artifact type only when it names one (end-12a)', () => {
    expect(parseManifest(bytesOf(imageIndex)).artifactType).toBeUndefined()
    expect(parseManifest(bytesOf({ ...imageIndex, artifactType: '' })).artifactType).toBeUndefined()
    expect(parseManifest(bytesOf({ ...imageIndex, artifactType: 'a/b' })).artifactType).toBe('a/b')
  })

  test('may have a subject; a Docker list has none', () => {
    expect(parseManifest(bytesOf({ ...imageIndex, subject })).subject).toMatchObject(subject)
    expect(parseManifest(bytesOf({ ...imageIndex, mediaType: DOCKER_LIST, subject })).subject).toBeUndefined()
  })
})

describe('the type of a manifest', () => {
  test('is the one that Content-Type and body agree on', () => {
    for (const mediaType of MANIFEST_MEDIA_TYPES) {
      const body = mediaType.includes('index') || mediaType.includes('list') ? imageIndex : image
      expect(parseManifest(bytesOf({ ...body, mediaType }), mediaType).mediaType).toBe(mediaType)
      expect(parseManifest(bytesOf({ ...body, mediaType })).mediaType).toBe(mediaType)
    }
  })

  test('may stand in the Content-Type alone when it is one of OCI', () => {
    expect(parseManifest(bytesOf({ ...image, mediaType: undefined }), OCI_IMAGE_MANIFEST).mediaType).toBe(OCI_IMAGE_MANIFEST)
    expect(parseManifest(bytesOf({ ...imageIndex, mediaType: undefined }), OCI_IMAGE_INDEX).mediaType).toBe(OCI_IMAGE_INDEX)
  })

  test('must stand in the body when the shape does not tell it: the next start has only the body', () => {
    const bare = { schemaVersion: 2 }

    expect(refusal(bare, OCI_IMAGE_INDEX)).toContain('mediaType')
    expect(refusal({ ...bare, manifests: null }, OCI_IMAGE_INDEX)).toContain('mediaType')
    expect(parseManifest(bytesOf({ ...bare, mediaType: OCI_IMAGE_INDEX }), OCI_IMAGE_INDEX).references).toEqual([])
    expect(parseManifest(bytesOf({ ...bare, manifests: [] }), OCI_IMAGE_INDEX).references).toEqual([])
  })

  test('is told by the shape when nothing names it', () => {
    expect(parseManifest(bytesOf({ ...image, mediaType: undefined })).mediaType).toBe(OCI_IMAGE_MANIFEST)
    expect(parseManifest(bytesOf({ ...imageIndex, mediaType: undefined })).mediaType).toBe(OCI_IMAGE_INDEX)
  })

  test('must stand in the body when it is one of Docker', () => {
    expect(refusal({ ...image, mediaType: undefined }, DOCKER_MANIFEST)).toContain('mediaType')
    expect(refusal({ ...imageIndex, mediaType: undefined }, DOCKER_LIST)).toContain('mediaType')
  })

  test('must be the same in both places', () => {
    expect(refusal(image, DOCKER_MANIFEST)).toContain('differ')
    expect(refusal({ ...image, mediaType: DOCKER_MANIFEST }, OCI_IMAGE_MANIFEST)).toContain('differ')
    expect(refusal(image, OCI_IMAGE_INDEX)).toContain('differ')
  })

  test.each([
    [image, 'application/json'],
    [{ ...image, mediaType: 'application/vnd.example+json' }, undefined],
    [{ ...image, mediaType: 'application/vnd.example+json' }, 'application/vnd.example+json'],
  ])('must be one that registry:2 can read back (%#)', (body, contentType) => {
    expect(refusal(body, contentType)).toContain('is not accepted')
  })

  test.each([[7], [{}], [[]]])('must be a text, not %j', (mediaType) => {
    expect(refusal({ ...image, mediaType })).toContain('not a string')
  })

  test('of schema 1 is refused with a way out', () => {
    const schema1 = { schemaVersion: 1, name: 'a', tag: 'b', fsLayers: [] }

    expect(refusal(schema1)).toContain('push the image again')
    expect(refusal(schema1, 'application/vnd.docker.distribution.manifest.v1+prettyjws')).toContain('push the image again')
    expect(refusal(image, 'application/vnd.docker.distribution.manifest.v1+json')).toContain('push the image again')
  })
})

describe('a manifest is refused', () => {
  test.each([['', '{', '[1', 'nothing', '{"schemaVersion":2', '\uFEFF{}', "{'a':1}"]].flat())(
    'when it is %j and no JSON',
    (text) => {
      expect(refusal(text)).toContain('not JSON in UTF-8')
    },
  )

  test('when it is not UTF-8', () => {
    expect(() => parseManifest(new Uint8Array([0x7b, 0xff, 0x7d]))).toThrow(
      expect.objectContaining({ code: 'MANIFEST_INVALID', message: expect.stringContaining('UTF-8') }),
    )
  })

  test.each(['null', '7', '"text"', '[]', 'true'])('when it is %s and no object', (text) => {
    expect(refusal(text)).toContain('not a JSON object')
  })

  test.each([undefined, 3, '2', null])('when its schemaVersion is %j', (schemaVersion) => {
    expect(refusal({ ...image, schemaVersion })).toContain('schemaVersion')
    expect(refusal({ ...imageIndex, schemaVersion })).toContain('schemaVersion')
  })

  test('when it is an image and an index at once (image-spec, ambiguous documents)', () => {
    expect(refusal({ ...image, manifests: [child] })).toContain('has no "manifests"')
    expect(refusal({ ...imageIndex, config })).toContain('has no "config"')
    expect(refusal({ ...imageIndex, layers: [layer] })).toContain('has no "layers"')
  })

  test.each([
    ['config', { ...image, config: undefined }],
    ['config', { ...image, config: null }],
    ['config', { ...image, config: [] }],
    ['config.digest', { ...image, config: { ...config, digest: undefined } }],
    ['config.digest', { ...image, config: { ...config, digest: 'sha256:short' } }],
    ['config.digest', { ...image, config: { ...config, digest: `md5:${'a'.repeat(32)}` } }],
    ['config.size', { ...image, config: { ...config, size: -1 } }],
    ['config.size', { ...image, config: { ...config, size: 1.5 } }],
    ['config.size', { ...image, config: { ...config, size: '6' } }],
    ['config.size', { ...image, config: { ...config, size: 2 ** 53 } }],
    ['config.mediaType', { ...image, config: { ...config, mediaType: 7 } }],
    ['layers', { ...image, layers: {} }],
    ['layers.1', { ...image, layers: [layer, null] }],
    ['layers.0.digest', { ...image, layers: [{ ...layer, digest: 'latest' }] }],
    ['layers.0.urls', { ...image, layers: [{ ...layer, urls: 'https://x' }] }],
    ['subject.digest', { ...image, subject: { ...subject, digest: 'latest' } }],
    ['annotations.a', { ...image, annotations: { a: 1 } }],
    ['artifactType', { ...image, artifactType: 7 }],
    ['manifests.0.digest', { ...imageIndex, manifests: [{ ...child, digest: 7 }] }],
    ['manifests', { ...imageIndex, manifests: 'all' }],
    ['subject', { ...imageIndex, subject: 'sha256' }],
  ])('with the place of what is wrong: %s (%#)', (place, body) => {
    expect(refusal(body)).toContain(`${place}:`)
  })

  test('with at most five of its problems', () => {
    const layers = Array.from({ length: 20 }, () => ({ ...layer, digest: 'x' }))

    expect(refusal({ ...image, layers }).match(/layers\.\d+/g)).toHaveLength(5)
  })
})

test('fields that the registry does not know are nobody’s business', () => {
  const extended = { ...image, 'x-extra': { deep: [1, 2] }, config: { ...config, data: 'e30=', platform: { os: 'linux' } } }

  expect(parseManifest(bytesOf(extended)).references).toHaveLength(2)
})
