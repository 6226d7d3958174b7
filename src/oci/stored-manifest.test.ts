import { describe, expect, test } from 'bun:test'
import { type Digest, digestOf } from './digest.ts'
import { type Manifest, parseManifest, parseStoredManifest } from './manifest.ts'
import { OCI_IMAGE_INDEX, OCI_IMAGE_MANIFEST } from './media-types.ts'

const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'

const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digest('config'), size: 6 }
const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digest('layer'), size: 5 }
const image = { schemaVersion: 2, mediaType: OCI_IMAGE_MANIFEST, config, layers: [layer] }

function digest(text: string): Digest {
  return digestOf('sha256', new TextEncoder().encode(text))
}

function stored(body: unknown): Manifest | undefined {
  return parseStoredManifest(new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body)))
}

function referencedBy(manifest: Manifest | undefined): readonly Digest[] {
  return (manifest?.references ?? []).map((reference) => reference.descriptor.digest)
}

describe('a manifest in the storage', () => {
  test('that could be pushed is read as a push would be', () => {
    const bytes = new TextEncoder().encode(JSON.stringify(image))

    expect(parseStoredManifest(bytes)).toEqual(parseManifest(bytes))
  })

  // Each of these is answered 201 and then served by registry:2.8.
  test.each([
    ['an empty mediaType', { ...image, mediaType: '' }, OCI_IMAGE_MANIFEST, [config.digest, layer.digest]],
    ['a mediaType of null', { ...image, mediaType: null }, OCI_IMAGE_MANIFEST, [config.digest, layer.digest]],
    [
      'manifests of null beside a config',
      { ...image, mediaType: undefined, manifests: null },
      OCI_IMAGE_MANIFEST,
      [config.digest, layer.digest],
    ],
    [
      'an index with an empty mediaType',
      { schemaVersion: 2, mediaType: '', manifests: [layer] },
      OCI_IMAGE_INDEX,
      [layer.digest],
    ],
    ['an index with a config of null', { schemaVersion: 2, manifests: [layer], config: null }, OCI_IMAGE_INDEX, [layer.digest]],
    ['nothing but manifests of null', { schemaVersion: 2, manifests: null }, OCI_IMAGE_MANIFEST, []],
    ['a negative size', { ...image, config: { ...config, size: -1 } }, OCI_IMAGE_MANIFEST, [config.digest, layer.digest]],
    [
      'annotations of numbers',
      { ...image, mediaType: DOCKER_MANIFEST, annotations: { a: 1 } },
      DOCKER_MANIFEST,
      [config.digest, layer.digest],
    ],
    [
      'a subject that is no descriptor',
      { ...image, subject: 'x', artifactType: 7 },
      OCI_IMAGE_MANIFEST,
      [config.digest, layer.digest],
    ],
  ] as const)('with %s is served, and what it names is kept', (_, body, mediaType, references) => {
    const manifest = stored(body)

    expect(manifest?.mediaType).toBe(mediaType)
    expect(referencedBy(manifest)).toEqual([...references])
  })

  test('that no push could bring needs nothing it names to be there', () => {
    expect(stored({ ...image, artifactType: 7 })?.references.map(({ mayBeAbsent }) => mayBeAbsent)).toEqual([true, true])
  })

  test('keeps the references that can be read beside one that cannot', () => {
    const layers = [layer, { ...layer, digest: 'sha256:short' }, null, 7, { ...layer, digest: digest('other') }]

    expect(referencedBy(stored({ ...image, layers }))).toEqual([config.digest, layer.digest, digest('other')])
  })

  test.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['nothing', ''],
    ['of schema 1', { schemaVersion: 1, fsLayers: [] }],
    ['of a type that registry:2 does not serve', { ...image, mediaType: 'application/vnd.example+json' }],
    ['a config, not a manifest', { architecture: 'amd64', os: 'linux' }],
  ])('that is %s is none', (_, body) => {
    expect(stored(body)).toBeUndefined()
  })
})

test('of a stored manifest with more values than may be pushed, what names something is known, and nothing else is looked at', () => {
  const layers = [layer, ...Array(5_000).fill({ a: 1 }), ...Array(5_000).fill(1), { DIGEST: layer.digest }]
  const text = JSON.stringify({ schemaVersion: 2, mediaType: OCI_IMAGE_MANIFEST, config, layers })

  const manifest = parseStoredManifest(new TextEncoder().encode(text))

  expect(manifest?.references.map(({ role, descriptor }) => [role, descriptor.digest])).toEqual([
    ['config', config.digest],
    ['layer', layer.digest],
    ['layer', layer.digest],
  ])
})
