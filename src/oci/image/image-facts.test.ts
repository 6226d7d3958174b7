import { describe, expect, test } from 'bun:test'
import { makeImage, makeImageIndex } from '../../../test/support/images.ts'
import { parseManifest } from '../manifest.ts'
import { findImageConfig } from './image-config.ts'
import { configOf, factsOf, wordsOf } from './image-facts.ts'

const OCI = 'application/vnd.oci.image.manifest.v1+json'
const INDEX = 'application/vnd.oci.image.index.v1+json'
const IMAGE_CONFIG = 'application/vnd.oci.image.config.v1+json'
const digest = (letter: string) => `sha256:${letter.repeat(64)}`
const descriptor = (letter: string, size: number, more: object = {}) => ({
  ...{ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: digest(letter), size },
  ...more,
})

function manifestOf(more: object, mediaType = OCI) {
  return parseManifest(new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, mediaType, ...more })), mediaType)
}

function imageOf(more: object) {
  return manifestOf({ config: descriptor('c', 10, { mediaType: IMAGE_CONFIG }), layers: [], ...more })
}

function labelled(labels: object, more: object = {}) {
  return findImageConfig(new TextEncoder().encode(JSON.stringify({ config: { Labels: labels }, ...more })))
}

const name = (word: string) => `org.opencontainers.image.${word}`

describe('the facts of an image', () => {
  test('count each layer once, and the config', () => {
    const layers = [descriptor('a', 100), descriptor('b', 1_000), descriptor('a', 100)]

    expect(factsOf(imageOf({ layers }), undefined).size).toBe(1_110)
  })

  test('stay a number that a database holds, whatever a manifest claims', () => {
    const layers = ['a', 'b', 'd'].map((letter) => descriptor(letter, Number.MAX_SAFE_INTEGER))

    expect(factsOf(imageOf({ layers }), undefined).size).toBe(Number.MAX_SAFE_INTEGER)
  })

  test('come from annotations, and from labels where there is none', () => {
    const annotations = { [name('title')]: 'of the manifest', [name('description')]: '', [name('base.name')]: 'debian:12' }
    const config = labelled(
      {
        ...{ [name('title')]: 'of the base', [name('description')]: 'a text', [name('source')]: 'https://example.com' },
        ...{ [name('version')]: '1.2', [name('base.digest')]: digest('f') },
      },
      { created: '2024-01-01T00:00:00Z', os: 'linux', architecture: 'amd64' },
    )

    expect(factsOf(imageOf({ annotations }), config)).toEqual({
      ...{ createdMs: Date.UTC(2024, 0), size: 10, platforms: ['linux/amd64'] },
      ...{ title: 'of the manifest', description: 'a text', source: 'https://example.com', version: '1.2' },
      ...{ baseName: 'debian:12', baseDigest: digest('f'), configDigest: digest('c') as never, firstImage: undefined },
      config,
    })
  })

  test('are few and clean where its builder was hostile', () => {
    const annotations = { [name('title')]: 'x'.repeat(1_000_000), [name('description')]: '\u202egpj.exe\u0007\nmore' }

    const { title, description, source } = factsOf(imageOf({ annotations }), undefined)

    expect(title).toHaveLength(1_000)
    expect([description, source]).toEqual(['gpj.exe more', undefined])
  })

  test('of an artifact have the time that an annotation says, and no config', () => {
    const manifest = manifestOf({
      config: descriptor('c', 10, { mediaType: 'application/vnd.cncf.helm.config.v1+json' }),
      annotations: { [name('created')]: '2024-01-01T00:00:00Z' },
    })

    expect(configOf(manifest)).toBeUndefined()
    expect(factsOf(manifest, undefined)).toMatchObject({ createdMs: Date.UTC(2024, 0), platforms: [], size: 10 })
  })
})

describe('the facts of an image index', () => {
  test('are its platforms and its first image, without attestations', () => {
    const attestation = { annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } }
    const manifests = [
      descriptor('a', 1, { mediaType: OCI, platform: { os: 'unknown', architecture: 'unknown' }, ...attestation }),
      descriptor('b', 1, { mediaType: OCI, platform: { os: 'linux', architecture: 'arm', variant: 'v7' } }),
      descriptor('d', 1, { mediaType: OCI, platform: { os: 'linux', architecture: 'amd64' } }),
      descriptor('e', 1, { mediaType: OCI, platform: { os: 'linux', architecture: 'amd64' } }),
    ]

    const facts = factsOf(manifestOf({ manifests }, INDEX), undefined)

    expect(facts).toMatchObject({ platforms: ['linux/arm/v7', 'linux/amd64'], firstImage: digest('b'), size: undefined })
  })

  test('of a thousand platforms are a hundred', () => {
    const manifests = Array.from({ length: 1_000 }, (_, index) =>
      descriptor('a', 1, { mediaType: OCI, platform: { os: 'linux', architecture: `a${index}` } }),
    )

    expect(factsOf(manifestOf({ manifests }, INDEX), undefined).platforms).toHaveLength(100)
  })

  test('of Docker are the same', () => {
    const index = makeImageIndex([makeImage('one', { format: 'docker' })], 'docker').manifest
    const manifest = parseManifest(index.bytes, index.mediaType)

    expect(factsOf(manifest, undefined).platforms).toEqual(['linux/amd64'])
  })
})

describe('the words of an image', () => {
  test('are its title, its description and its labels, in small letters', () => {
    const annotations = { [name('title')]: 'Thrift', [name('description')]: 'RPC Framework' }

    const words = wordsOf(factsOf(imageOf({ annotations }), labelled({ maintainer: 'The Team' })))

    expect(words).toBe('thrift\nrpc framework\nthe team')
  })

  test('are none where it says nothing, and no more than a few thousand letters', () => {
    expect(wordsOf(factsOf(imageOf({}), undefined))).toBeUndefined()
    expect(wordsOf(factsOf(imageOf({}), labelled({ empty: '' })))).toBeUndefined()
    const long = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`${index}`, 'x'.repeat(1_000)]))

    const words = wordsOf(factsOf(imageOf({ annotations: { [name('title')]: 'Title' } }), labelled({ ...long })))

    expect(words?.length).toBe(4_000)
    expect(words?.split('\n')[1]).toHaveLength(200)
  })
})
