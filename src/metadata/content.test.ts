import { expect, test } from 'bun:test'
import { describeOnEachEngine } from '../../test/support/each-engine.ts'
import { A, B, ContractMetadata, digest, EPOCH } from '../../test/support/metadata-contract.ts'
import { parseRepositoryName } from '../oci/name.ts'
import { ensureRepository, setBlobLive, setLink, setManifestHeld } from './changes.ts'
import { lookUpLink, lookUpLinks, lookUpNamedManifests } from './content.ts'

const NAMES = ['m', 'none', 'x'].map(digest)

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
