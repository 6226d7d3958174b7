import { beforeEach, expect, test } from 'bun:test'
import { describeOnEachEngine } from '../../../test/support/each-engine.ts'
import { parseDigest } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { ensureRepository, putNames, setBlobLive, setLink, setManifestHeld } from '../changes.ts'
import { insertClaims } from '../claims.ts'
import type { Query } from '../query.ts'
import { takeBlobsOfLinks } from './bytes.ts'

const STAMP = { number: 1, epoch: 3 }
const BLOB = parseDigest(`sha256:${'a'.repeat(64)}`)
const ALIAS = parseDigest(`sha512:${'b'.repeat(128)}`)
const OTHER = parseDigest(`sha256:${'c'.repeat(64)}`)
const TAKEN = [{ digest: BLOB, size: 100 }]

describeOnEachEngine('bytes of links that are removed', (opened) => {
  beforeEach(async () => {
    await opened().metadata.write((query) => setBlobLive(query, BLOB, 100, STAMP))
  })

  /** Gives the id of the repository. */
  async function linkIn(name: string): Promise<number> {
    return await opened().metadata.write(async (query) => {
      const id = await ensureRepository(query, parseRepositoryName(name), STAMP.epoch)
      await setLink(query, id, BLOB, BLOB, STAMP)
      return id
    })
  }

  async function takeOf(...targets: readonly (typeof BLOB)[]) {
    return await opened().metadata.write((query) => takeBlobsOfLinks(query, targets))
  }

  test('are taken with their last link', async () => {
    await linkIn('one')

    expect(await takeOf(BLOB)).toEqual(TAKEN)
    expect(await takeOf(BLOB)).toEqual([])
  })

  test('stay while one more link leads to them than are removed', async () => {
    for (const name of ['one', 'two', 'three']) await linkIn(name)

    expect(await takeOf(BLOB)).toEqual([])
    expect(await takeOf(BLOB, OTHER, BLOB)).toEqual([])
    expect(await takeOf(BLOB, BLOB, OTHER, BLOB)).toEqual(TAKEN)
  })

  test.each<[what: string, need: (query: Query, repositoryId: number) => Promise<unknown>]>([
    ['have a link by another digest', (query, id) => setLink(query, id, ALIAS, BLOB, STAMP)],
    ['are named by a manifest', (query, id) => putNames(query, id, OTHER, [BLOB])],
    ['are a manifest', (query, id) => setManifestHeld(query, id, BLOB, null, STAMP)],
    ['have a claim of another operation', (query) => claim(query)],
  ])('stay where they %s', async (_, need) => {
    const id = await linkIn('one')
    await opened().metadata.write((query) => need(query, id))

    expect(await takeOf(BLOB)).toEqual([])
  })
})

async function claim(query: Query): Promise<void> {
  const owner = { operation: 'a push', process: 'a process' }
  await insertClaims(query, [{ name: { kind: 'blob', digest: BLOB }, alone: false }], owner, 1)
}
