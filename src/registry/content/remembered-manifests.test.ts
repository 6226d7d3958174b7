import { expect, test } from 'bun:test'
import { digestOf } from '../../oci/digest.ts'
import { OCI_IMAGE_MANIFEST } from '../../oci/media-types.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'
import { type FoundManifest, RememberedManifests } from './remembered-manifests.ts'

const A = parseRepositoryName('a')
const TAG = parseTag('latest')

test('what was found counts for the revision that it was found in, and for no other', () => {
  const remembered = new RememberedManifests()
  const [old, newer] = [foundOf('old'), foundOf('newer')]

  remembered.keep(1, A, TAG, old)

  expect(remembered.find(1, A, TAG)).toBe(old)
  expect(remembered.find(1, parseRepositoryName('b'), TAG)).toBeUndefined()
  expect(remembered.find(2, A, TAG)).toBeUndefined()
  remembered.keep(2, A, parseTag('other'), newer)
  expect(remembered.find(2, A, TAG)).toBeUndefined()
})

test('no more is remembered than there is room for', () => {
  const remembered = new RememberedManifests()
  const large = foundOf('x'.repeat(64 * 1024))
  const tags = Array.from({ length: 1000 }, (_, number) => parseTag(`v${number}`))

  for (const tag of tags) remembered.keep(1, A, tag, large)

  const kept = tags.filter((tag) => remembered.find(1, A, tag) !== undefined)
  expect(kept.length * 64).toBeLessThanOrEqual(8 * 1024)
  expect(remembered.find(1, A, tags.at(-1) ?? TAG)).toBe(large)
})

function foundOf(text: string): FoundManifest {
  const kept = new TextEncoder().encode(text)
  return { manifest: { digest: digestOf('sha256', kept), mediaType: OCI_IMAGE_MANIFEST, size: kept.length }, kept }
}
