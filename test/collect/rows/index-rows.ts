import { blobPlaces, bytes, contentPlaces, imagePlaces, manifestPlaces, revision, tag } from '../../support/collected-places.ts'
import { collect, HOUR_MS, passTime } from '../../support/collecting.ts'
import { blobsOf, descriptorOf, makeImageIndex } from '../../support/images.ts'
import { expectStatus, type RegistryClient } from '../../support/registry-client.ts'
import { type CollectedRow, deleted, indexOf, lone, one, pushImage, put, revisions, two } from './row.ts'

const pair = makeImageIndex([one, two])
const single = makeImageIndex([two])
const inner = makeImageIndex([one])
const outer = indexOf([descriptorOf(inner.manifest)])

const TAGGED: readonly CollectedRow[] = [
  {
    title: 'an index with a tag stays, with its children',
    write: async ({ client }) => await pushIndex(client, pair, 'latest'),
    stays: [tag('app', 'latest'), ...manifestPlaces('app', pair.manifest), ...imagePlaces('app', one, two)],
  },
  {
    title: 'an index whose tag has moved on stays, with its children: a digest may be pinned',
    write: async ({ client }) => {
      await pushIndex(client, pair, 'latest')
      await pushImage(client, lone, 'latest')
    },
    stays: [...manifestPlaces('app', pair.manifest), ...imagePlaces('app', one, two, lone)],
  },
  {
    title: 'an index whose tag was deleted stays, with its children',
    write: async ({ client }) => {
      await pushIndex(client, pair, 'latest')
      await expectStatus(await client.deleteManifest('app', 'latest'), 202)
    },
    stays: [...manifestPlaces('app', pair.manifest), ...imagePlaces('app', one, two)],
    goes: [tag('app', 'latest')],
  },
]

const INDEXES: readonly CollectedRow[] = [
  {
    title: 'an index that was deleted goes, and so do its children and what they name',
    write: async ({ client }) => {
      await pushIndex(client, pair, 'latest')
      await deleted(client, pair.manifest)
    },
    goes: [tag('app', 'latest'), ...manifestPlaces('app', pair.manifest), ...revisions(one.manifest, two.manifest)],
    goesLater: contentPlaces('app', one, two),
  },
  {
    title: 'of a nested index that was deleted each level goes',
    write: async ({ client }) => {
      await pushIndex(client, inner, inner.manifest.digest)
      await put(client, 'nested', outer)
      await deleted(client, outer)
    },
    goes: [...manifestPlaces('app', outer), ...revisions(inner.manifest)],
    goesLater: [bytes(inner.manifest), ...imagePlaces('app', one)],
  },
  {
    title: 'of a nested index an inner one with a tag stays, with its child',
    write: async ({ client }) => {
      await pushIndex(client, inner, 'inner')
      await put(client, 'nested', outer)
      await deleted(client, outer)
    },
    goes: manifestPlaces('app', outer),
    stays: [tag('app', 'inner'), ...manifestPlaces('app', inner.manifest), ...imagePlaces('app', one)],
  },
  {
    title: 'the child of two indexes stays when one of them was deleted',
    write: async ({ client }) => {
      await pushIndex(client, pair, 'pair')
      await put(client, 'single', single.manifest)
      await deleted(client, pair.manifest)
    },
    goes: [...manifestPlaces('app', pair.manifest), ...revisions(one.manifest)],
    goesLater: contentPlaces('app', one),
    stays: [tag('app', 'single'), ...manifestPlaces('app', single.manifest), ...imagePlaces('app', two)],
  },
  {
    title: 'the child of two indexes goes when both were deleted',
    write: async ({ client }) => {
      await pushIndex(client, pair, 'pair')
      await put(client, 'single', single.manifest)
      await deleted(client, pair.manifest)
      await deleted(client, single.manifest)
    },
    goes: [...manifestPlaces('app', pair.manifest, single.manifest), ...revisions(one.manifest, two.manifest)],
    goesLater: contentPlaces('app', one, two),
  },
  {
    title: 'a child whose delete was forced goes with what it named; its index and the other child stay, and its bytes are named',
    write: async ({ client }) => {
      await pushIndex(client, pair, 'latest')
      await expectStatus(await client.deleteManifest('app', one.manifest.digest, { force: true }), 202)
    },
    goes: [revision('app', one.manifest), ...blobPlaces('app', ...blobsOf(one))],
    stays: [bytes(one.manifest), tag('app', 'latest'), ...manifestPlaces('app', pair.manifest), ...imagePlaces('app', two)],
  },
  {
    title: 'a child that is pinned and pulled stays after its index was deleted, with all that it names',
    write: async ({ client }) => {
      await pushIndex(client, pair, 'latest')
      await deleted(client, pair.manifest)
    },
    meanwhile: async (berth) => {
      for (let pull = 0; pull < 4; pull += 1) {
        await expectStatus(await berth.client.getManifest('app', one.manifest.digest), 200)
        for (let pass = 0; pass < 5; pass += 1) {
          await passTime(berth, 4 * HOUR_MS)
          await collect(berth)
        }
      }
      await put(berth.client, 'kept', one.manifest)
    },
    stays: imagePlaces('app', one),
    goes: [...manifestPlaces('app', pair.manifest), ...imagePlaces('app', two)],
  },
]

export const INDEX_ROWS: readonly CollectedRow[] = [...TAGGED, ...INDEXES]

async function pushIndex(client: RegistryClient, index: ReturnType<typeof makeImageIndex>, reference: string): Promise<void> {
  for (const image of index.images) await pushImage(client, image, image.manifest.digest)
  await put(client, reference, index.manifest)
}
