import { expect, test } from 'bun:test'
import { describeOnEachEngine } from '../../test/support/each-engine.ts'
import { A, B, ContractMetadata, digest, EPOCH } from '../../test/support/metadata-contract.ts'
import { parseRepositoryName } from '../oci/name.ts'
import { parseTag } from '../oci/reference.ts'
import { ensureRepository, setBlobLive, setLink, setManifestHeld } from './changes.ts'
import { lookUpLink, lookUpLinks, lookUpManifest, lookUpNamedManifests, lookUpTag } from './content.ts'
import { setTag } from './history/tag-changes.ts'
import type { Query } from './query.ts'

const NAMES = ['m', 'none', 'x'].map(digest)
const [TAG, NO_TAG] = [parseTag('latest'), parseTag('none')]

describeOnEachEngine('many names that are looked up at once', (opened) => {
  const metadata = new ContractMetadata(async () => ({ ...opened(), cleanUp: async () => undefined }))

  test('have the rows that each of them has, of their repository alone', async () => {
    const id = await metadata.repository(A)
    await metadata.write((query) => ensureRepository(query, B, EPOCH))
    await metadata.change(async (query, stamp) => {
      await setBlobLive(query, digest('x'), 3, stamp)
      await setLink(query, id, digest('x'), digest('x'), stamp)
      await setManifestHeld(query, id, digest('m'), null, stamp)
    })

    for (const repository of [A, B]) {
      const links = await lookUpLinks(metadata.read, repository, NAMES)
      for (const name of NAMES) expect(links.get(name)).toMatchObject({ ...(await lookUpLink(metadata.read, repository, name)) })
    }
    const manifests = await lookUpNamedManifests(metadata.read, A, NAMES)
    const none = { held: null, epoch: null, condemnedMs: null, released: null, scannedEpoch: 0 }
    const held = { held: 1, epoch: EPOCH, condemnedMs: null, released: 0, scannedEpoch: 0 } as const
    expect(NAMES.map((name) => manifests.get(name))).toMatchObject([held, none, none])
  })

  test('have none where there is no such repository', async () => {
    const repository = parseRepositoryName('nowhere')

    expect((await lookUpLinks(metadata.read, repository, NAMES)).size).toBe(0)
    expect((await lookUpNamedManifests(metadata.read, repository, NAMES)).size).toBe(0)
  })
})

describeOnEachEngine('what pulls ask at the same time', (opened) => {
  const metadata = new ContractMetadata(async () => ({ ...opened(), cleanUp: async () => undefined }))

  test('is what each of them is told alone, where a name or a repository is missing too', async () => {
    const repositories = [A, B, parseRepositoryName('nowhere')]
    for (const repository of [A, B]) {
      const id = await metadata.repository(repository)
      await metadata.change(async (query, stamp) => {
        await setBlobLive(query, digest('x'), 3, stamp)
        await setLink(query, id, digest('x'), digest('x'), stamp)
        await setManifestHeld(query, id, digest(repository), null, stamp)
        await setTag(query, id, TAG, digest(repository), stamp)
      })
    }

    const asks = repositories.flatMap((repository) => [
      (query: Query) => lookUpTag(query, repository, TAG, { withBytes: true }),
      (query: Query) => lookUpTag(query, repository, NO_TAG, { withBytes: false }),
      ...[A, B].map((name) => (query: Query) => lookUpManifest(query, repository, digest(name), { withBytes: true })),
      ...NAMES.map((name) => (query: Query) => lookUpLink(query, repository, name)),
    ])
    const atOnce = await Promise.all([...asks, ...asks].map((ask) => ask(metadata.read)))

    const alone: (typeof atOnce)[number][] = []
    // A transaction asks one thing after the other.
    await metadata.write(async (query) => {
      for (const ask of asks) alone.push(await ask(query))
    })
    expect(atOnce).toEqual([...alone, ...alone])
    expect(alone.filter((row) => row === undefined)).toHaveLength(asks.length / 3)
    expect(alone).toContainEqual(expect.objectContaining({ digest: digest(B), held: 1 }))
  })
})
