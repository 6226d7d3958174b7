import { describe, expect, test } from 'bun:test'
import { digestOf } from '../oci/digest.ts'
import { parseRepositoryName } from '../oci/name.ts'
import { parseTag } from '../oci/reference.ts'
import { type StoragePath, storagePath } from './driver.ts'
import { CURRENT_LINK_FILE, indexLinkFile, LINK_FILE, layout } from './layout.ts'
import { entryAt, repositoryAt } from './layout-entry.ts'

const repository = parseRepositoryName('a/b')
const digest = digestOf('sha256', new Uint8Array())
const sha512 = digestOf('sha512', new Uint8Array())
const tag = parseTag('_manifests')

describe('the place of a file', () => {
  test('is what the layout put there', () => {
    for (const each of [digest, sha512]) {
      expect(entryAt(layout.blob(each))).toEqual({ kind: 'blob', digest: each })
      const layer = storagePath(layout.layer(repository, each), LINK_FILE)
      expect(entryAt(layer)).toEqual({ kind: 'link', repository, digest: each })
      const revision = storagePath(layout.revision(repository, each), LINK_FILE)
      expect(entryAt(revision)).toEqual({ kind: 'manifest', repository, digest: each })
    }
    expect(entryAt(storagePath(layout.tag(repository, tag), CURRENT_LINK_FILE))).toEqual({ kind: 'tag', repository, tag })
  })

  test.each([
    storagePath(layout.tag(repository, tag), indexLinkFile(digest)),
    storagePath(layout.uploads(repository), 'id/data'),
    storagePath(layout.layers(repository), 'sha256/abc/link'),
    storagePath(layout.layer(repository, digest), 'other'),
    storagePath(layout.repositories, 'UPPER/_manifests/tags/v1/current/link'),
    storagePath(layout.blobs, 'sha256/e3/abc/data'),
    storagePath('berth/v1/store'),
  ])('is none for %s', (path) => {
    expect(entryAt(path)).toBeUndefined()
  })

  test('is in a repository, whatever is below it', () => {
    expect(repositoryAt(storagePath(layout.uploads(repository), 'id/data'))).toBe(repository)
    expect(repositoryAt(storagePath(layout.tag(repository, tag), indexLinkFile(digest)))).toBe(repository)
    expect(repositoryAt(storagePath(layout.repositories, 'a/b/file'))).toBeUndefined()
    expect(repositoryAt('docker/registry/v2/blobs/a/_layers/x' as StoragePath)).toBeUndefined()
  })
})
