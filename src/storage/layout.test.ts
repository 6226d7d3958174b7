import { describe, expect, test } from 'bun:test'
import { digestOf, findDigest } from '../oci/digest.ts'
import { parseRepositoryName } from '../oci/name.ts'
import { parseTag } from '../oci/reference.ts'
import { berthLayout, indexLinkFile, layout, MAX_LINK_BYTES } from './layout.ts'

const repository = parseRepositoryName('library/alpine')
const tag = parseTag('v1.0_x-Y')
const sha256 = digestOf('sha256', new TextEncoder().encode('hello'))
const sha512 = digestOf('sha512', new TextEncoder().encode('hello'))
const HEX_256 = sha256.slice('sha256:'.length)
const HEX_512 = sha512.slice('sha512:'.length)
const ROOT = 'docker/registry/v2'

describe('the layout of registry:2', () => {
  test('has bytes below their algorithm and the first two digits of their hex', () => {
    expect(String(layout.blob(sha256))).toBe(`${ROOT}/blobs/sha256/2c/${HEX_256}/data`)
    expect(String(layout.blobDirectory(sha256))).toBe(`${ROOT}/blobs/sha256/2c/${HEX_256}`)
    expect(String(layout.blob(sha512))).toBe(`${ROOT}/blobs/sha512/9b/${HEX_512}/data`)
  })

  test('has what a repository owns below its name', () => {
    const below = `${ROOT}/repositories/library/alpine`

    expect(String(layout.repository(repository))).toBe(below)
    expect(String(layout.uploads(repository))).toBe(`${below}/_uploads`)
    expect(String(layout.layers(repository))).toBe(`${below}/_layers`)
    expect(String(layout.layer(repository, sha256))).toBe(`${below}/_layers/sha256/${HEX_256}`)
    expect(String(layout.layer(repository, sha512))).toBe(`${below}/_layers/sha512/${HEX_512}`)
    expect(String(layout.revisions(repository))).toBe(`${below}/_manifests/revisions`)
    expect(String(layout.revision(repository, sha256))).toBe(`${below}/_manifests/revisions/sha256/${HEX_256}`)
    expect(String(layout.tags(repository))).toBe(`${below}/_manifests/tags`)
    expect(String(layout.tag(repository, tag))).toBe(`${below}/_manifests/tags/v1.0_x-Y`)
    expect(indexLinkFile(sha512)).toBe(`index/sha512/${HEX_512}/link`)
  })

  test('keeps what is Berth’s own out of the sight of registry:2', () => {
    expect(String(berthLayout.store)).toBe('berth/v1/store')
    expect(String(berthLayout.directory)).toBe('berth/v1')
  })

  test('has room in a link for the longest digest', () => {
    expect(sha512.length).toBeLessThanOrEqual(MAX_LINK_BYTES)
  })
})

describe('the directories of blobs', () => {
  const shards = layout.blobShards()

  test('are 256 for each algorithm', () => {
    expect(shards).toHaveLength(512)
    expect(new Set(shards.map(({ path }) => path)).size).toBe(512)
  })

  test('have every digest in exactly one, with its beginning', () => {
    for (const digest of [sha256, sha512, findDigest(`sha256:${'0'.repeat(64)}`), findDigest(`sha512:${'f'.repeat(128)}`)]) {
      if (digest === undefined) throw new Error('no digest')
      const holding = shards.filter(({ path }) => layout.blobDirectory(digest).startsWith(`${path}/`))
      expect(holding).toHaveLength(1)
      expect(shards.filter(({ digestPrefix }) => digest.startsWith(digestPrefix))).toEqual(holding)
    }
  })
})
