import { describe, expect, test } from 'bun:test'
import { parseManifest } from '../../oci/manifest.ts'
import { applyRules, type ManifestRules, NO_RULES } from './manifest-rules.ts'

const DIGEST = `sha256:${'0'.repeat(64)}`
const IMAGE_CONFIG = 'application/vnd.oci.image.config.v1+json'
const FOREIGN_LAYER = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'

function imageWith({ configType = IMAGE_CONFIG, urls = [] as string[], layerType = FOREIGN_LAYER }) {
  return parse({
    config: { mediaType: configType, digest: DIGEST, size: 2 },
    layers: [{ mediaType: layerType, digest: DIGEST, size: 2, urls }],
  })
}

function indexOf(...platforms: unknown[]) {
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  return parse({ manifests: platforms.map((platform) => ({ mediaType, digest: DIGEST, size: 2, platform })) })
}

function parse(body: object) {
  return parseManifest(new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, ...body })))
}

function rules(changes: Partial<ManifestRules>): ManifestRules {
  return { ...NO_RULES, ...changes }
}

describe('the URL of a layer that lies elsewhere', () => {
  const example = /^https:\/\/([^/]+\.)*example\.com\//
  const internal = /^https:\/\/internal\./

  test.each([
    ['no rule', { allow: [], deny: [] }, 'http://anywhere/a', true],
    ['no rule, but no http', { allow: [], deny: [] }, 'ftp://anywhere/a', false],
    ['no rule, but a fragment', { allow: [], deny: [] }, 'http://anywhere/a#b', false],
    ['an allow that matches', { allow: [example], deny: [] }, 'https://a.example.com/a', true],
    ['an allow that does not match', { allow: [example], deny: [] }, 'https://example.org/a', false],
    ['a deny that does not match', { allow: [], deny: [internal] }, 'https://example.org/a', true],
    ['allow and deny that match', { allow: [example], deny: [internal] }, 'https://internal.example.com/a', false],
  ])('under %s', (_, urls, url, isTaken) => {
    const apply = () => applyRules(rules({ urls }), imageWith({ urls: [url] }))

    if (isTaken) expect(apply).not.toThrow()
    else expect(apply).toThrow(`A layer lies at ${url}, which this registry does not allow`)
  })

  test('of a layer that must be there anyway is not looked at', () => {
    const image = imageWith({ layerType: 'application/vnd.oci.image.layer.v1.tar', urls: ['https://x/'] })

    expect(() => applyRules(rules({ urls: { allow: [example], deny: [] } }), image)).not.toThrow()
  })
})

test.each([
  ['all', 'all', [false, false, false]],
  ['none', 'none', [true, true, true]],
  ['those for some platforms', [{ architecture: 'arm64', os: 'linux' }], [true, false, true]],
] as const)('of the children of an image index %s must be there', (_, requiredPlatforms, expected) => {
  const index = indexOf({ architecture: 'amd64', os: 'linux' }, { architecture: 'arm64', os: 'linux' }, { os: 7 })

  const references = applyRules(rules({ requiredPlatforms }), index)

  expect(references.map(({ mayBeAbsent }) => mayBeAbsent)).toEqual([...expected])
})

describe('with policy.repository.classes', () => {
  const imagesOnly = rules({ classes: ['image'] })

  test('images are taken, and an image index is what its children are', () => {
    expect(() => applyRules(imagesOnly, imageWith({}))).not.toThrow()
    expect(() => applyRules(imagesOnly, indexOf())).not.toThrow()
  })

  test.each(['application/vnd.docker.plugin.v1+json', 'application/vnd.oci.empty.v1+json'])('%s is refused', (configType) => {
    expect(() => applyRules(imagesOnly, imageWith({ configType }))).toThrow(`takes no content of the type ${configType}`)
  })
})
