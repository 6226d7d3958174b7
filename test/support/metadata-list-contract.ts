import { describe, expect, test } from 'bun:test'
import { setLink, setManifestGone, setManifestHeld } from '../../src/metadata/changes.ts'
import { setTag } from '../../src/metadata/history/tag-changes.ts'
import {
  holdsContent,
  holdsManifest,
  holdsSeenManifest,
  listReferrers,
  listRepositories,
  listRepositoryNames,
  listTags,
} from '../../src/metadata/listing.ts'
import { findAnnotationPiece, findAnnotations, putManifestContent } from '../../src/metadata/manifest-content.ts'
import { markRepositoryScanned } from '../../src/metadata/scans.ts'
import { OCI_IMAGE_MANIFEST } from '../../src/oci/media-types.ts'
import { parseRepositoryName, type RepositoryName } from '../../src/oci/name.ts'
import { parseTag } from '../../src/oci/reference.ts'
import { A, B, ContractMetadata, digest, EPOCH, manifestContent, type OpenedForContract } from './metadata-contract.ts'

const ALL = Number.MAX_SAFE_INTEGER

function inByteOrder(texts: readonly string[]): string[] {
  return [...texts].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)))
}

/** What every metadata database promises about its pages. */
export function describeMetadataLists(name: string, open: () => Promise<OpenedForContract>): void {
  describe(`${name}: lists of tags`, () => {
    const metadata = new ContractMetadata(open)
    const tags = ['latest', 'Latest', '_x', 'v1', 'v10', 'v1.0', 'v1-a', 'v1_a', '0', 'Z', 'z']

    async function tagAll(): Promise<number> {
      const id = await metadata.repository(A)
      await metadata.change(async (query, stamp) => {
        await setManifestHeld(query, id, digest('m'), null, stamp)
        for (const tag of tags) await setTag(query, id, parseTag(tag), digest('m'), stamp)
      })
      return id
    }

    test('are in byte order', async () => {
      expect(await listTags(metadata.read, await tagAll(), '', ALL)).toEqual(inByteOrder(tags))
    })

    test('begin after any text and end at the limit', async () => {
      const id = await tagAll()
      const sorted = inByteOrder(tags)

      for (const after of [...tags, 'M', 'v1a', '\u0000', '~', 'ü']) {
        const rest = sorted.filter((tag) => Buffer.compare(Buffer.from(tag), Buffer.from(after)) > 0)
        expect(await listTags(metadata.read, id, after, ALL)).toEqual(rest)
        expect(await listTags(metadata.read, id, after, 2)).toEqual(rest.slice(0, 2))
      }
      expect(await listTags(metadata.read, id, '', 0)).toEqual([])
    })

    test('leave out tombstones and tags on manifests that are not held', async () => {
      const id = await tagAll()

      await metadata.change((query, stamp) => setTag(query, id, parseTag('latest'), null, stamp))
      await metadata.change((query, stamp) => setTag(query, id, parseTag('Latest'), digest('unknown'), stamp))
      expect(await listTags(metadata.read, id, '', ALL)).toEqual(
        inByteOrder(tags.filter((tag) => tag.toLowerCase() !== 'latest')),
      )

      await metadata.change((query, stamp) => setManifestGone(query, id, digest('m'), stamp))
      expect(await listTags(metadata.read, id, '', ALL)).toEqual([])
    })

    test('have tags on a manifest as soon as it is held, whichever came first', async () => {
      const [id, other] = [await tagAll(), await metadata.repository(B)]
      await metadata.change((query, stamp) => setManifestGone(query, id, digest('m'), stamp))
      await metadata.change((query, stamp) => setManifestHeld(query, other, digest('m'), null, stamp))
      expect(await listTags(metadata.read, id, '', ALL)).toEqual([])

      await metadata.change((query, stamp) => setManifestHeld(query, id, digest('m'), null, stamp))
      expect(await listTags(metadata.read, id, '', ALL)).toEqual(inByteOrder(tags))
    })

    test('are of one repository', async () => {
      await tagAll()

      expect(await listTags(metadata.read, await metadata.repository(B), '', ALL)).toEqual([])
    })
  })

  describe(`${name}: lists of repositories`, () => {
    const metadata = new ContractMetadata(open)
    const names = ['a', 'a/b', 'a-b', 'a.b', 'a_b', 'a0', 'aa', 'b/c/d', '0'].map(parseRepositoryName)

    async function hold(repository: RepositoryName, epoch = EPOCH): Promise<number> {
      const id = await metadata.repository(repository)
      await metadata.change((query, stamp) => setManifestHeld(query, id, digest('m'), null, stamp), epoch)
      return id
    }

    test('are in byte order, begin after any text and end at the limit', async () => {
      for (const repository of names) await hold(repository)
      const sorted = inByteOrder(names).map(parseRepositoryName)

      expect(await listRepositories(metadata.read, EPOCH, '', ALL)).toEqual(sorted)
      expect(await listRepositories(metadata.read, EPOCH, 'a/', 3)).toEqual(sorted.filter((listed) => listed > 'a/').slice(0, 3))
      expect(await listRepositories(metadata.read, EPOCH, 'zzz', 3)).toEqual([])
    })

    test('have only those that hold a manifest, seen in this epoch by itself or with its whole repository', async () => {
      await metadata.repository(parseRepositoryName('empty'))
      const gone = await hold(parseRepositoryName('gone'))
      await metadata.change((query, stamp) => setManifestGone(query, gone, digest('m'), stamp))
      await hold(parseRepositoryName('unseen'), EPOCH - 1)
      const scanned = await hold(parseRepositoryName('scanned'), EPOCH - 1)
      await metadata.write((query) => markRepositoryScanned(query, scanned, EPOCH))
      await hold(parseRepositoryName('seen'))

      expect(await listRepositories(metadata.read, EPOCH, '', ALL)).toEqual(['scanned', 'seen'].map(parseRepositoryName))
    })

    test('of rows have every name, whatever it holds', async () => {
      for (const repository of names) await metadata.repository(repository)

      expect(await listRepositoryNames(metadata.read, '', ALL)).toEqual(inByteOrder(names) as RepositoryName[])
      expect(await listRepositoryNames(metadata.read, 'a0', 2)).toEqual(['a_b', 'aa'] as RepositoryName[])
    })

    test('have content when they have a blob or a manifest', async () => {
      const blobs = await metadata.repository(A)
      const manifests = await metadata.repository(B)
      const has = async () => [await holdsContent(metadata.read, blobs), await holdsContent(metadata.read, manifests)]
      const link = async (target: ReturnType<typeof digest> | null) =>
        await metadata.change((query, stamp) => setLink(query, blobs, digest('x'), target, stamp))
      expect(await has()).toEqual([false, false])

      await link(digest('x'))
      await hold(B)
      expect(await has()).toEqual([true, true])

      await link(null)
      await metadata.change((query, stamp) => setManifestGone(query, manifests, digest('m'), stamp))
      expect(await has()).toEqual([false, false])
    })

    test('go by whether a manifest is held, and seen', async () => {
      const id = await metadata.repository(A)
      expect(await holdsManifest(metadata.read, id)).toBe(false)

      await hold(A, EPOCH - 1)
      expect(await holdsManifest(metadata.read, id)).toBe(true)
      expect(await holdsSeenManifest(metadata.read, id, EPOCH)).toBe(false)

      await hold(A)
      expect(await holdsSeenManifest(metadata.read, id, EPOCH)).toBe(true)
    })
  })

  describe(`${name}: lists of referrers`, () => {
    const metadata = new ContractMetadata(open)
    const subject = digest('subject')
    const page = { after: '', limit: ALL }

    async function refer(
      repositoryId: number,
      word: string,
      fields: { artifactType?: string; annotations?: Record<string, string> } = {},
    ) {
      const content = manifestContent(word, { subject, ...fields })
      await metadata.change(async (query, stamp) => {
        await putManifestContent(query, content)
        await setManifestHeld(query, repositoryId, content.digest, subject, stamp)
      })
      return content
    }

    test('describe each manifest as the referrers API shows it', async () => {
      const id = await metadata.repository(A)
      const annotations = { key: 'value "quoted" ü' }
      const text = JSON.stringify(annotations)
      const annotationBytes = Buffer.byteLength(text)
      const { digest: referrer, bytes } = await refer(id, 'r', { artifactType: 'a/b', annotations })

      expect(await listReferrers(metadata.read, id, subject, page)).toEqual([
        {
          ...{ digest: referrer, mediaType: OCI_IMAGE_MANIFEST, size: bytes.length, artifactType: 'a/b' },
          ...{ annotationBytes, isInPieces: false },
        },
      ])
      expect(await findAnnotations(metadata.read, referrer)).toBe(text)
    })

    test('are in the order of digests, begin after one and end at the limit', async () => {
      const id = await metadata.repository(A)
      const contents = await Promise.all(['1', '2', '3', '4', '5'].map((word) => refer(id, word)))
      const sorted = contents.map((content) => content.digest).sort()
      const digests = async (after: string, limit: number) =>
        (await listReferrers(metadata.read, id, subject, { ...page, after, limit })).map((row) => row.digest)

      expect(await digests('', ALL)).toEqual(sorted)
      expect(await digests(sorted[1] ?? '', 2)).toEqual(sorted.slice(2, 4))
      expect(await digests('zzz', 2)).toEqual([])
    })

    test.each([
      ['in the row', 65_400, false],
      ['beside the row', 65_600, true],
      ['beside the row, in several pieces', 1_000_000, true],
    ])('have annotations %s, whole', async (_, length, isInPieces) => {
      const id = await metadata.repository(A)
      const annotations = { key: `${'ü'.repeat(length / 2 - 10)}` }
      const { digest: referrer } = await refer(id, 'r', { annotations })
      await refer(id, 'r', { annotations })

      const [row] = await listReferrers(metadata.read, id, subject, page)
      const text = Buffer.from(JSON.stringify(annotations))
      expect(row).toMatchObject({ annotationBytes: text.length, isInPieces })
      const pieces: Uint8Array[] = []
      for (let number = 0; isInPieces; number += 1) {
        const piece = await findAnnotationPiece(metadata.read, referrer, number)
        if (piece === undefined) break
        pieces.push(piece)
      }
      if (!isInPieces) pieces.push(Buffer.from((await findAnnotations(metadata.read, referrer)) ?? ''))
      expect(Buffer.concat(pieces)).toEqual(text)
    })

    test('leave out an artifact type that is too long to be a media type', async () => {
      const id = await metadata.repository(A)
      await refer(id, 'r', { artifactType: `a/${'b'.repeat(1023)}` })

      expect(await listReferrers(metadata.read, id, subject, page)).toMatchObject([{ artifactType: undefined }])
    })

    test('are of one repository and one subject, and held', async () => {
      const [a, b] = [await metadata.repository(A), await metadata.repository(B)]
      const { digest: referrer } = await refer(a, 'r')

      expect(await listReferrers(metadata.read, b, subject, page)).toEqual([])
      expect(await listReferrers(metadata.read, a, digest('other'), page)).toEqual([])

      await metadata.change((query, stamp) => setManifestGone(query, a, referrer, stamp))
      expect(await listReferrers(metadata.read, a, subject, page)).toEqual([])
    })
  })
}
