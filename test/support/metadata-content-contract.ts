import { describe, expect, test } from 'bun:test'
import {
  deleteBlobs,
  ensureRepository,
  putReferences,
  renewGrace,
  setBlobArriving,
  setBlobLive,
  setLink,
  setManifestGone,
  setManifestHeld,
} from '../../src/metadata/changes.ts'
import {
  findBlob,
  findLink,
  findManifest,
  findManifestBytes,
  findManifestContent,
  findRepository,
  findTag,
  listRepositoriesLinking,
  listTagsOf,
  lookUpLink,
  lookUpManifest,
  lookUpTag,
} from '../../src/metadata/content.ts'
import { setTag } from '../../src/metadata/history/tag-changes.ts'
import { putManifestContent } from '../../src/metadata/manifest-content.ts'
import { writeProperty } from '../../src/metadata/scans.ts'
import { OCI_IMAGE_MANIFEST } from '../../src/oci/media-types.ts'
import { parseTag } from '../../src/oci/reference.ts'
import { A, B, ContractMetadata, digest, EPOCH, manifestContent, type OpenedForContract } from './metadata-contract.ts'

const WITHOUT_BYTES = { withBytes: false } as const

/** What every metadata database promises about repositories, tags, manifests, links and blobs. */
export function describeMetadataContent(name: string, open: () => Promise<OpenedForContract>): void {
  describe(`${name}: content`, () => {
    const metadata = new ContractMetadata(open)
    const latest = parseTag('latest')

    test('a repository has one row, whoever asks first', async () => {
      const [first, second] = await Promise.all([metadata.repository(A), metadata.repository(A)])

      expect(first).toBe(second)
      expect(await metadata.repository(B)).not.toBe(first)
      expect(await findRepository(metadata.read, A)).toEqual({ id: first, scannedEpoch: 0, state: 'bare' })
    })

    test('a repository that is new once all names are known has nothing left to be scanned', async () => {
      await metadata.repository(A)
      await metadata.write((query) => writeProperty(query, 'names-epoch', String(EPOCH)))

      await metadata.repository(A)
      await metadata.repository(B)

      expect(await findRepository(metadata.read, A)).toMatchObject({ scannedEpoch: 0 })
      expect(await findRepository(metadata.read, B)).toMatchObject({ scannedEpoch: EPOCH })
    })

    test('what has no row is unknown', async () => {
      const id = await metadata.repository(A)

      expect(await findRepository(metadata.read, B)).toBeUndefined()
      expect(await findTag(metadata.read, id, latest)).toBeUndefined()
      expect(await findManifest(metadata.read, id, digest('x'))).toBeUndefined()
      expect(await findLink(metadata.read, id, digest('x'))).toBeUndefined()
      expect(await findBlob(metadata.read, digest('x'))).toBeUndefined()
      expect(await findManifestContent(metadata.read, digest('x'))).toBeUndefined()
      expect(await findManifestBytes(metadata.read, digest('x'))).toBeUndefined()
    })

    test('a tag moves and leaves a tombstone, with the stamp of the last change', async () => {
      const id = await metadata.repository(A)

      const first = await metadata.change((query, stamp) => setTag(query, id, latest, digest('one'), stamp), 1)
      expect(await findTag(metadata.read, id, latest)).toEqual({ digest: digest('one'), epoch: 1, number: first })

      const second = await metadata.change((query, stamp) => setTag(query, id, latest, digest('two'), stamp), 2)
      expect(await findTag(metadata.read, id, latest)).toEqual({ digest: digest('two'), epoch: 2, number: second })

      const third = await metadata.change((query, stamp) => setTag(query, id, latest, null, stamp))
      expect(await findTag(metadata.read, id, latest)).toEqual({ digest: null, epoch: EPOCH, number: third })
      expect([first, second, third]).toEqual([first, first + 1, first + 2])
    })

    test('tags are told apart by case, and by repository', async () => {
      const [a, b] = [await metadata.repository(A), await metadata.repository(B)]
      await metadata.change(async (query, stamp) => {
        await setTag(query, a, parseTag('v'), digest('1'), stamp)
        await setTag(query, a, parseTag('V'), digest('1'), stamp)
        await setTag(query, b, parseTag('v'), digest('1'), stamp)
        await setTag(query, a, latest, digest('2'), stamp)
        await setTag(query, a, parseTag('gone'), null, stamp)
      })

      expect(new Set<string>(await listTagsOf(metadata.read, a, digest('1')))).toEqual(new Set(['v', 'V']))
      expect(await listTagsOf(metadata.read, b, digest('2'))).toEqual([])
    })

    test('a link names its target and leaves a tombstone', async () => {
      const id = await metadata.repository(A)

      const first = await metadata.change((query, stamp) => setLink(query, id, digest('alias'), digest('target'), stamp))
      const link = { target: digest('target'), epoch: EPOCH, number: first }
      expect(await findLink(metadata.read, id, digest('alias'))).toMatchObject(link)
      expect(await listRepositoriesLinking(metadata.read, digest('target'), 5)).toEqual([A])

      const second = await metadata.change((query, stamp) => setLink(query, id, digest('alias'), null, stamp))
      expect(await findLink(metadata.read, id, digest('alias'))).toMatchObject({ target: null, epoch: EPOCH, number: second })
      expect(await listRepositoriesLinking(metadata.read, digest('target'), 5)).toEqual([])
    })

    test('at most so many repositories are named for a mount', async () => {
      for (const repository of [A, B]) {
        const id = await metadata.repository(repository)
        await metadata.change((query, stamp) => setLink(query, id, digest('x'), digest('x'), stamp))
      }

      expect(await listRepositoriesLinking(metadata.read, digest('x'), 1)).toHaveLength(1)
      expect(await listRepositoriesLinking(metadata.read, digest('x'), 9)).toHaveLength(2)
    })

    test('a manifest is held with its subject until it is gone', async () => {
      const id = await metadata.repository(A)

      await metadata.change((query, stamp) => setManifestHeld(query, id, digest('m'), digest('subject'), stamp))
      expect(await findManifest(metadata.read, id, digest('m'))).toMatchObject({ held: 1, subject: digest('subject') })

      await metadata.change((query, stamp) => setManifestGone(query, id, digest('m'), stamp))
      expect(await findManifest(metadata.read, id, digest('m'))).toMatchObject({ held: 0, subject: null })
    })

    test('a manifest that goes frees what it named: each has its full grace from now on', async () => {
      const id = await metadata.repository(A)
      const content = manifestContent('m')
      const named = [content.digest, digest('m config'), digest('m layer')]
      await metadata.change(async (query, stamp) => {
        for (const target of [...named, digest('other')]) await setBlobLive(query, target, 1, stamp)
        await putReferences(query, id, content.digest, content.manifest.references)
        await putReferences(query, id, content.digest, content.manifest.references)
        await query.run('UPDATE blob SET touched_ms = 5')
      })

      await metadata.change((query, stamp) => setManifestGone(query, id, content.digest, stamp))

      for (const target of named) expect(await metadata.candidateSince(target)).toBeGreaterThan(5)
      expect(await metadata.candidateSince(digest('other'))).toBe(5)
      expect(await metadata.read.all('SELECT * FROM reference')).toEqual([])
    })

    test('the references of one repository stay when another lets the same manifest go', async () => {
      const [a, b] = [await metadata.repository(A), await metadata.repository(B)]
      const { digest: manifest, manifest: parsed } = manifestContent('m')
      await metadata.change((query) => putReferences(query, a, manifest, parsed.references))
      await metadata.change((query) => putReferences(query, b, manifest, parsed.references))

      await metadata.change((query, stamp) => setManifestGone(query, a, manifest, stamp))

      expect(await metadata.read.all('SELECT DISTINCT repository_id AS id FROM reference')).toEqual([{ id: b }])
    })

    test('the bytes of a manifest are kept when it is small', async () => {
      const [small, large] = [manifestContent('small'), manifestContent('large', { padding: 64 * 1024 })]
      await metadata.change((query) => putManifestContent(query, small))
      await metadata.change((query) => putManifestContent(query, large))
      await metadata.change((query) => putManifestContent(query, large))

      expect(await findManifestBytes(metadata.read, small.digest)).toEqual(small.bytes)
      expect(await findManifestBytes(metadata.read, large.digest)).toBeUndefined()
      const row = { mediaType: OCI_IMAGE_MANIFEST, size: large.bytes.length }
      expect(await findManifestContent(metadata.read, large.digest)).toEqual(row)
    })
  })

  describe(`${name}: blobs`, () => {
    const metadata = new ContractMetadata(open)
    const blob = digest('blob')

    async function inState(state: string): Promise<void> {
      await metadata.change((query, stamp) => setBlobLive(query, blob, 3, stamp))
      await metadata.write((query) => query.run('UPDATE blob SET state = ?, touched_ms = 5', state))
    }

    test('arrive without a size and are live with one', async () => {
      await metadata.change(async (query, stamp) => void (await setBlobArriving(query, blob, stamp)))
      expect(await findBlob(metadata.read, blob)).toMatchObject({ state: 'arriving', size: null })

      const number = await metadata.change((query, stamp) => setBlobLive(query, blob, 3, stamp))
      expect(await findBlob(metadata.read, blob)).toEqual({ state: 'live', size: 3, number })

      await metadata.write((query) => deleteBlobs(query, [blob]))
      expect(await findBlob(metadata.read, blob)).toBeUndefined()
    })

    test.each([
      ['arriving', 'arriving'],
      ['live', 'live'],
      ['deleting', 'deleting'],
    ])('that are %s are %s when they are pushed again, with their size and a new grace', async (before, after) => {
      await inState(before)

      await metadata.change(async (query, stamp) => void (await setBlobArriving(query, blob, stamp)))

      expect(await findBlob(metadata.read, blob)).toMatchObject({ state: after, size: 3 })
      expect(await metadata.candidateSince(blob)).toBeGreaterThan(5)
    })

    test('have their grace renewed, and only where there is a row', async () => {
      await inState('live')

      const number = await metadata.change(async (query, stamp) => {
        await renewGrace(query, blob, stamp)
        await renewGrace(query, digest('none'), stamp)
      })

      expect(await metadata.candidateSince(blob)).toBeGreaterThan(5)
      expect(await findBlob(metadata.read, blob)).toMatchObject({ number })
      expect(await findBlob(metadata.read, digest('none'))).toBeUndefined()
    })
  })

  describe(`${name}: what a pull needs in one look`, () => {
    const metadata = new ContractMetadata(open)
    const tag = parseTag('v1')

    test('is nothing for a repository without a row', async () => {
      expect(await lookUpTag(metadata.read, A, tag, WITHOUT_BYTES)).toBeUndefined()
      expect(await lookUpManifest(metadata.read, A, digest('m'), WITHOUT_BYTES)).toBeUndefined()
      expect(await lookUpLink(metadata.read, A, digest('x'))).toBeUndefined()
    })

    test('has null for every row that is missing', async () => {
      const id = await metadata.repository(A)
      const noRow = { digest: null, tagEpoch: null, held: null, manifestEpoch: null, condemnedMs: null }
      const noRows = { ...noRow, isForgotten: 0, mediaType: null, size: null, bytes: null } as const
      const unknown = { ...noRows, scannedEpoch: 0 }

      expect(await lookUpTag(metadata.read, A, tag, WITHOUT_BYTES)).toEqual(unknown)
      expect(await lookUpManifest(metadata.read, A, digest('m'), WITHOUT_BYTES)).toEqual(unknown)
      const noLink = { scannedEpoch: 0, target: null, linkEpoch: null, condemnedMs: null, size: null }
      expect(await lookUpLink(metadata.read, A, digest('x'))).toEqual(noLink)

      await metadata.change((query, stamp) => setTag(query, id, tag, digest('m'), stamp))
      expect(await lookUpTag(metadata.read, A, tag, WITHOUT_BYTES)).toEqual({ ...unknown, digest: digest('m'), tagEpoch: EPOCH })
    })

    test('has it all where all is known, and only of this repository', async () => {
      const id = await metadata.repository(A)
      await metadata.write((query) => ensureRepository(query, B, EPOCH))
      const content = manifestContent('m')
      await metadata.change(async (query, stamp) => {
        await putManifestContent(query, content)
        await setManifestHeld(query, id, content.digest, null, stamp)
        await setTag(query, id, tag, content.digest, stamp)
        await setBlobLive(query, digest('x'), 3, stamp)
        await setLink(query, id, digest('x'), digest('x'), stamp)
      })

      const found = {
        digest: content.digest,
        tagEpoch: EPOCH,
        held: 1,
        manifestEpoch: EPOCH,
        condemnedMs: null,
        isForgotten: 0,
        mediaType: OCI_IMAGE_MANIFEST,
        size: content.bytes.length,
        bytes: null,
        scannedEpoch: 0,
      } as const
      expect(await lookUpTag(metadata.read, A, tag, WITHOUT_BYTES)).toEqual(found)
      expect(await lookUpManifest(metadata.read, A, content.digest, WITHOUT_BYTES)).toEqual(found)
      expect(await lookUpTag(metadata.read, A, tag, { withBytes: true })).toEqual({ ...found, bytes: content.bytes })
      expect(await lookUpManifest(metadata.read, A, content.digest, { withBytes: true })).toMatchObject({ bytes: content.bytes })
      expect(await lookUpLink(metadata.read, A, digest('x'))).toEqual({
        scannedEpoch: 0,
        target: digest('x'),
        linkEpoch: EPOCH,
        condemnedMs: null,
        size: 3,
      })
      expect(await lookUpTag(metadata.read, B, tag, WITHOUT_BYTES)).toMatchObject({ digest: null })
      expect(await lookUpManifest(metadata.read, B, content.digest, WITHOUT_BYTES)).toMatchObject({
        digest: null,
        mediaType: null,
      })
      expect(await lookUpLink(metadata.read, B, digest('x'))).toMatchObject({ target: null })
    })
  })
}
