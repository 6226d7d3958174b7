import { describe, expect, test } from 'bun:test'
import { digestOf } from './digest.ts'
import { parseManifest, parseStoredManifest } from './manifest.ts'
import { OCI_IMAGE_INDEX, OCI_IMAGE_MANIFEST } from './media-types.ts'

const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json'

const config = descriptor('config', CONFIG_TYPE)
const layer = descriptor('layer', 'application/vnd.oci.image.layer.v1.tar+gzip')
const subject = descriptor('subject', OCI_IMAGE_MANIFEST)

const image = { schemaVersion: 2, mediaType: OCI_IMAGE_MANIFEST, config, layers: [layer] }
const imageIndex = { schemaVersion: 2, mediaType: OCI_IMAGE_INDEX, manifests: [descriptor('child', OCI_IMAGE_MANIFEST)] }

function descriptor(text: string, mediaType: string) {
  const bytes = new TextEncoder().encode(text)
  return { mediaType, digest: digestOf('sha256', bytes), size: bytes.length }
}

function bytesOf(body: unknown): Uint8Array {
  return new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body))
}

describe('null, and an empty text where registry:2 and registry:3 take it, are a field that is missing', () => {
  const none = [null, ''] as const

  test.each(none)('mediaType: %j', (mediaType) => {
    expect(parseManifest(bytesOf({ ...image, mediaType }), OCI_IMAGE_MANIFEST).mediaType).toBe(OCI_IMAGE_MANIFEST)
    expect(parseManifest(bytesOf({ ...imageIndex, mediaType })).mediaType).toBe(OCI_IMAGE_INDEX)
    expect(() => parseManifest(bytesOf({ ...image, mediaType }), DOCKER_MANIFEST)).toThrow('must carry it')
  })

  test.each(none)('artifactType: %j', (artifactType) => {
    const { mediaType, ...untyped } = config

    expect(parseManifest(bytesOf({ ...image, artifactType })).artifactType).toBe(mediaType)
    expect(parseManifest(bytesOf({ ...image, artifactType, config: untyped })).artifactType).toBeUndefined()
    expect(parseManifest(bytesOf({ ...imageIndex, artifactType })).artifactType).toBeUndefined()
  })

  test.each(none)('subject: %j', (subject) => {
    expect(parseManifest(bytesOf({ ...image, subject })).subject).toBeUndefined()
    expect(parseManifest(bytesOf({ ...imageIndex, subject })).subject).toBeUndefined()
  })

  test.each([{}, { digest: null }, { mediaType: '', digest: '', size: 0 }])(
    'subject: %j, as Go writes a descriptor that was never set',
    (subject) => {
      expect(parseManifest(bytesOf({ ...image, subject })).subject).toBeUndefined()
    },
  )

  test('annotations, and each of their values', () => {
    expect(parseManifest(bytesOf({ ...image, annotations: null })).annotations).toBeUndefined()
    expect(parseManifest(bytesOf({ ...image, annotations: { a: null, b: '' } })).annotations).toEqual({ a: '', b: '' })
  })

  test('the other of manifests, config and layers', () => {
    expect(parseManifest(bytesOf({ ...image, manifests: null })).references).toHaveLength(2)
    expect(parseManifest(bytesOf({ ...imageIndex, config: null, layers: null })).references).toHaveLength(1)
  })

  test('every field of a descriptor but its digest', () => {
    const empty = { mediaType: null, size: null, artifactType: null, annotations: null, urls: null, platform: null, data: null }
    const parts = { annotations: { a: null }, urls: [null] }

    const { references } = parseManifest(
      bytesOf({
        ...image,
        layers: [
          { ...layer, ...empty },
          { ...layer, ...parts },
        ],
      }),
    )

    expect(references[1]?.descriptor).toEqual({ mediaType: '', digest: layer.digest as never, size: 0 })
    expect(references[2]?.descriptor).toMatchObject({ annotations: { a: '' }, urls: [''] })
  })
})

test('fields are found without regard to case, as Go finds them, so that what they name is kept', () => {
  const shouted = JSON.stringify({ ...image, subject }).replace(/"(mediaType|config|layers|digest|size|subject)"/g, (name) =>
    name.toUpperCase(),
  )
  const twice = JSON.stringify(image).replace(/}$/, `,"Layers":[${JSON.stringify(subject)}]}`)

  expect(parseManifest(bytesOf(shouted), OCI_IMAGE_MANIFEST)).toEqual(parseManifest(bytesOf({ ...image, subject })))
  expect(parseManifest(bytesOf(twice)).references).toMatchObject([{ descriptor: config }, { descriptor: subject }])
})

test('a stored referrer with a fault that a push of it would be refused for keeps its subject, type and annotations', () => {
  const faulty = { ...image, subject, artifactType: 'a/b', annotations: { c: 'd' }, layers: [{ ...layer, size: -1 }] }

  expect(parseStoredManifest(bytesOf(faulty))).toMatchObject({ subject, artifactType: 'a/b', annotations: { c: 'd' } })
  expect(parseStoredManifest(bytesOf({ ...faulty, artifactType: 7 }))).toMatchObject({ subject, artifactType: CONFIG_TYPE })
  expect(parseStoredManifest(bytesOf({ ...faulty, subject: 7, annotations: 7 }))).toMatchObject({ artifactType: 'a/b' })
})
