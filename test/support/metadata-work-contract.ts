import { describe, expect, test } from 'bun:test'
import { setBlobLive, setLink, setManifestGone, setManifestHeld } from '../../src/metadata/changes.ts'
import {
  type Claim,
  type ClaimOwner,
  deleteClaims,
  findDoubt,
  findExcludingClaim,
  insertClaims,
  listClaimedNames,
  listClaimOwners,
  listClaimOwnersIn,
} from '../../src/metadata/claims.ts'
import { setTag } from '../../src/metadata/history/tag-changes.ts'
import type { ContentName } from '../../src/metadata/names.ts'
import {
  closeScan,
  deleteScansOf,
  listKnownBlobs,
  listKnownLinks,
  listKnownManifests,
  listKnownTags,
  listScanningProcesses,
  listUnscannedRepositories,
  markRepositoryScanned,
  openScan,
  purgeTombstones,
  readProperty,
  writeProperty,
} from '../../src/metadata/scans.ts'
import { findDigest } from '../../src/oci/digest.ts'
import { parseTag } from '../../src/oci/reference.ts'
import { A, B, ContractMetadata, digest, EPOCH, type OpenedForContract } from './metadata-contract.ts'

/** What every metadata database promises about claims and scans. */
export function describeMetadataWork(name: string, open: () => Promise<OpenedForContract>): void {
  describe(`${name}: claims`, () => {
    const metadata = new ContractMetadata(open)
    const mine = { operation: 'mine', process: 'p1' }
    const tag: ContentName = { kind: 'tag', repository: A, tag: parseTag('v1') }
    const names: readonly ContentName[] = [
      tag,
      { kind: 'manifest', repository: A, digest: digest('m') },
      { kind: 'link', repository: A, digest: digest('m') },
      { kind: 'blob', digest: digest('m') },
    ]

    async function claim(claimed: Claim, owner: ClaimOwner = mine): Promise<void> {
      await metadata.change((query, stamp) => insertClaims(query, [claimed], owner, stamp.number))
    }

    test.each([
      [false, false, false],
      [false, true, true],
      [true, false, true],
      [true, true, true],
    ])('alone=%p meets alone=%p: excluded is %p', async (first, second, isExcluded) => {
      await claim({ name: tag, alone: first })

      const excluding = await findExcludingClaim(metadata.read, [{ name: tag, alone: second }], 'theirs')

      expect(excluding).toEqual(isExcluded ? mine : undefined)
      expect(await findExcludingClaim(metadata.read, [{ name: tag, alone: second }], 'mine')).toBeUndefined()
    })

    test('are on one name of one kind in one repository', async () => {
      for (const claimed of names) {
        await claim({ name: claimed, alone: true })
        for (const other of names.filter((candidate) => candidate !== claimed)) {
          expect(await findDoubt(metadata.read, other, 'theirs')).toBeUndefined()
        }
        expect(await findDoubt(metadata.read, claimed, 'theirs')).toBe('claimed')
        expect(await findDoubt(metadata.read, claimed, 'mine')).toBeUndefined()
        await metadata.write((query) => deleteClaims(query, 'mine'))
      }
      await claim({ name: tag, alone: true })
      expect(await findDoubt(metadata.read, { ...tag, repository: B }, 'theirs')).toBeUndefined()
    })

    test('are told back as they were made', async () => {
      for (const claimed of names) await claim({ name: claimed, alone: false })

      const listed = await listClaimedNames(metadata.read, 'mine')

      expect(listed).toHaveLength(names.length)
      expect(listed).toEqual(expect.arrayContaining([...names]))
      expect(await listClaimedNames(metadata.read, 'theirs')).toEqual([])
    })

    test('made twice are one, alone if either was', async () => {
      await claim({ name: tag, alone: true })
      await claim({ name: tag, alone: false })
      expect(await findExcludingClaim(metadata.read, [{ name: tag, alone: false }], 'theirs')).toEqual(mine)
      expect(await listClaimedNames(metadata.read, 'mine')).toEqual([tag])

      const [other = tag] = names.slice(1)
      await claim({ name: other, alone: false })
      await claim({ name: other, alone: true })
      expect(await findExcludingClaim(metadata.read, [{ name: other, alone: false }], 'theirs')).toEqual(mine)
    })

    test('know what their operation does and on whose behalf', async () => {
      const actor = { name: 'alice', address: '192.0.2.7', requestId: 'abc' }
      const owner = { ...mine, action: 'manifest push', actor }
      await claim({ name: tag, alone: true }, owner)

      expect(await listClaimOwners(metadata.read)).toEqual([owner])
      expect(await listClaimOwnersIn(metadata.read, A)).toEqual([owner])
      expect(await findExcludingClaim(metadata.read, [{ name: tag, alone: false }], 'theirs')).toEqual(owner)
    })

    test('end with their operation, once', async () => {
      const theirs = { operation: 'theirs', process: 'p2' }
      await claim({ name: tag, alone: false })
      await claim({ name: tag, alone: false }, theirs)
      expect(await listClaimOwners(metadata.read)).toEqual(expect.arrayContaining([mine, theirs]))

      expect(await metadata.write((query) => deleteClaims(query, 'mine'))).toBe(true)
      expect(await metadata.write((query) => deleteClaims(query, 'mine'))).toBe(false)

      expect(await listClaimOwners(metadata.read)).toEqual([theirs])
    })
  })

  describe(`${name}: scans`, () => {
    const metadata = new ContractMetadata(open)
    const tag = parseTag('v1')

    /** A tombstone of each kind; gives the number of the last. */
    async function bury(id: number): Promise<number> {
      await metadata.change((query, stamp) => setTag(query, id, tag, null, stamp))
      await metadata.change((query, stamp) => setLink(query, id, digest('x'), null, stamp))
      return await metadata.change((query, stamp) => setManifestGone(query, id, digest('x'), stamp))
    }

    async function tombstones(): Promise<number> {
      const counts = await Promise.all(
        ['tag', 'link', 'manifest'].map((table) =>
          metadata.read.get<{ count: number }>(`SELECT count(*) AS count FROM ${table}`),
        ),
      )
      return counts.reduce((total, row) => total + (row?.count ?? 0), 0)
    }

    test('begin at the number drawn last', async () => {
      const number = await metadata.change(async () => undefined)

      expect(await metadata.write((query) => openScan(query, 's', 'p'))).toBe(number)
      expect(await metadata.change(async () => undefined)).toBe(number + 1)
    })

    test('keep the tombstones that came after their beginning', async () => {
      const id = await metadata.repository(A)
      await metadata.write((query) => markRepositoryScanned(query, id, EPOCH))
      await metadata.write((query) => openScan(query, 's', 'p'))
      const number = await bury(id)

      await metadata.write((query) => purgeTombstones(query, EPOCH, number))
      expect(await tombstones()).toBe(3)

      await metadata.write((query) => closeScan(query, 's'))
      await metadata.write((query) => purgeTombstones(query, EPOCH, number - 1))
      expect(await tombstones()).toBe(1)
      await metadata.write((query) => purgeTombstones(query, EPOCH, number))
      expect(await tombstones()).toBe(0)
    })

    test('of the whole repository must be done before its tombstones go, and what is there never goes', async () => {
      const id = await metadata.repository(A)
      const number = await bury(id)
      await metadata.write((query) => purgeTombstones(query, EPOCH, number))
      expect(await tombstones()).toBe(3)

      await metadata.write((query) => markRepositoryScanned(query, id, EPOCH))
      const last = await metadata.change(async (query, stamp) => {
        await setTag(query, id, tag, digest('x'), stamp)
        await setLink(query, id, digest('x'), digest('x'), stamp)
        await setManifestHeld(query, id, digest('x'), null, stamp)
      })
      await metadata.write((query) => purgeTombstones(query, EPOCH, last))
      expect(await tombstones()).toBe(3)
    })

    test('of the dead are closed by the living', async () => {
      await metadata.write((query) => openScan(query, 's1', 'dead'))
      await metadata.write((query) => openScan(query, 's2', 'dead'))
      await metadata.write((query) => openScan(query, 's3', 'alive'))
      expect(new Set(await listScanningProcesses(metadata.read))).toEqual(new Set(['alive', 'dead']))

      await metadata.write((query) => deleteScansOf(query, 'dead'))

      expect(await listScanningProcesses(metadata.read)).toEqual(['alive'])
    })

    test('go through the repositories that this epoch has not seen, by name', async () => {
      const [b, a] = [await metadata.repository(B), await metadata.repository(A)]
      expect(await listUnscannedRepositories(metadata.read, EPOCH, '', 9)).toEqual([
        { id: a, name: A },
        { id: b, name: B },
      ])
      expect(await listUnscannedRepositories(metadata.read, EPOCH, '', 1)).toEqual([{ id: a, name: A }])
      expect(await listUnscannedRepositories(metadata.read, EPOCH, A, 9)).toEqual([{ id: b, name: B }])

      await metadata.write((query) => markRepositoryScanned(query, a, EPOCH))
      expect(await listUnscannedRepositories(metadata.read, EPOCH, '', 9)).toEqual([{ id: b, name: B }])
      expect(await listUnscannedRepositories(metadata.read, EPOCH + 1, '', 9)).toHaveLength(2)
    })

    test('ask for the rows that say "there"', async () => {
      const id = await metadata.repository(A)
      await metadata.change(async (query, stamp) => {
        await setTag(query, id, tag, digest('m'), stamp)
        await setLink(query, id, digest('l'), digest('t'), stamp)
        await setManifestHeld(query, id, digest('m'), null, stamp)
      })
      expect(await listKnownTags(metadata.read, id)).toEqual([tag])
      expect(await listKnownLinks(metadata.read, id)).toEqual([digest('l')])
      expect(await listKnownManifests(metadata.read, id)).toEqual([digest('m')])

      await metadata.change(async (query, stamp) => {
        await setTag(query, id, tag, null, stamp)
        await setLink(query, id, digest('l'), null, stamp)
        await setManifestGone(query, id, digest('m'), stamp)
      })
      const known = [listKnownTags, listKnownLinks, listKnownManifests].map((list) => list(metadata.read, id))
      expect((await Promise.all<readonly string[]>(known)).flat()).toEqual([])
    })

    test('ask for the blobs of one directory', async () => {
      const digests = ['00', '0f', 'f0', 'ff'].flatMap((start) => findDigest(`sha256:${start}${'a'.repeat(62)}`) ?? [])
      const sha512 = findDigest(`sha512:00${'a'.repeat(126)}`)
      await metadata.change(async (query, stamp) => {
        for (const blob of [...digests, ...(sha512 === undefined ? [] : [sha512])]) await setBlobLive(query, blob, 1, stamp)
      })

      for (const blob of digests) expect(await listKnownBlobs(metadata.read, blob.slice(0, 9))).toEqual([blob])
      expect(await listKnownBlobs(metadata.read, 'sha256:01')).toEqual([])
      expect(await listKnownBlobs(metadata.read, 'sha512:00')).toHaveLength(1)
    })

    test('note how far they are', async () => {
      expect(await readProperty(metadata.read, 'names-epoch')).toBeUndefined()

      await metadata.write((query) => writeProperty(query, 'names-epoch', '1'))
      await metadata.write((query) => writeProperty(query, 'names-epoch', '2'))

      expect(await readProperty(metadata.read, 'names-epoch')).toBe('2')
      expect(await readProperty(metadata.read, 'complete-epoch')).toBeUndefined()
    })
  })
}
