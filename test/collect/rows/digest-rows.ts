import { artifact, EMPTY_CONFIG } from '../../support/artifacts.ts'
import { blobPlaces, imagePlaces, link, manifestPlaces, revision } from '../../support/collected-places.ts'
import { type Content, descriptorOf } from '../../support/images.ts'
import { type CollectedLab, type CollectedRow, carrying, deleted, one, pushImage, put } from './row.ts'
import { pushStrong, strong, strongLayer, strongManifest } from './strong.ts'

const [shared] = one.layers as readonly [Content]
const sharing = artifact({ layers: [descriptorOf(shared)] })

export const DIGEST_ROWS: readonly CollectedRow[] = [
  {
    title: 'an image that is named by its sha512, with a layer named by its sha512, stays',
    write: async ({ client }) => await pushStrong(client),
    stays: [...manifestPlaces('app', strongManifest), link('app', strong)],
  },
  {
    title: 'an image that is named by its sha512, with a layer named by its sha512, goes when it was deleted',
    write: async ({ client }) => {
      await pushStrong(client)
      await deleted(client, strongManifest)
    },
    goes: [...manifestPlaces('app', strongManifest), ...blobPlaces('app', strong, EMPTY_CONFIG)],
  },
  {
    title: 'the alias by which registry:2 names a layer stays with both of its links',
    write: async (lab) => await pushAlias(lab),
    stays: [link('app', strong), ...blobPlaces('app', strongLayer), ...manifestPlaces('app', carrying(strong))],
  },
  {
    title: 'the alias by which registry:2 names a layer goes with its image, then what it leads to',
    write: async (lab) => {
      await pushAlias(lab)
      await deleted(lab.client, carrying(strong))
    },
    goes: [link('app', strong), ...manifestPlaces('app', carrying(strong))],
    goesLater: blobPlaces('app', strongLayer),
  },
  {
    title: 'a layer of two repositories goes from the one whose image was deleted, and its bytes stay',
    write: async ({ client }) => {
      await pushImage(client, one, 'latest')
      await pushImage(client, one, 'latest', 'other')
      await deleted(client, one.manifest)
    },
    goes: [revision('app', one.manifest), link('app', shared), link('app', one.config)],
    stays: imagePlaces('other', one),
  },
  {
    title: 'a layer of two images stays when one of them was deleted',
    write: async ({ client }) => {
      await pushImage(client, one, 'latest')
      await client.pushBlob('app', EMPTY_CONFIG)
      await put(client, 'sharing', sharing)
      await deleted(client, one.manifest)
    },
    goes: [...manifestPlaces('app', one.manifest), ...blobPlaces('app', one.config)],
    stays: [...manifestPlaces('app', sharing), ...blobPlaces('app', shared, EMPTY_CONFIG)],
  },
]

/** registry:2 stores the bytes by their sha256, and links the sha512 to them. */
async function pushAlias(lab: CollectedLab): Promise<void> {
  for (const blob of [strongLayer, EMPTY_CONFIG]) await lab.client.pushBlob('app', blob)
  await lab.write(link('app', strong), strongLayer.digest)
  await put(lab.client, 'alias', carrying(strong))
}
