import { EMPTY_CONFIG } from '../../support/artifacts.ts'
import { blobPlaces, contentPlaces, imagePlaces, link, manifestPlaces, tag } from '../../support/collected-places.ts'
import { blobsOf, type Content, contentOf, descriptorOf, type Image, jsonContent, makeImageIndex } from '../../support/images.ts'
import type { RegistryClient } from '../../support/registry-client.ts'
import { attestationOf, attestedIndex, cacheImage } from '../../support/signed-shapes.ts'
import { type CollectedRow, carrying, deleted, indexOf, one, pushImage, put, revisions } from './row.ts'

const inner = makeImageIndex([one])
const attestation: Image = attestationOf(one)
const attested = attestedIndex(one, attestation)
const cacheConfig = jsonContent('application/vnd.buildkit.cacheconfig.v0', { layers: [{ blob: 'x', parent: -1 }], records: [] })
const cacheLayers = ['first', 'second'].map((name) =>
  contentOf('application/vnd.oci.image.layer.v1.tar+gzip', Buffer.from(`the ${name} layer of a build`)),
)
const oldCache = indexOf([...cacheLayers, cacheConfig].map(descriptorOf))
const newCache = cacheImage(cacheConfig, cacheLayers)

export const BUILD_ROWS: readonly CollectedRow[] = [
  {
    title: 'the attestation of buildx stays with the image that it is about',
    write: async ({ client }) => await pushAttested(client),
    stays: [...manifestPlaces('app', attested), ...imagePlaces('app', one, attestation)],
  },
  {
    title: 'the attestation of buildx goes with the index of its image',
    write: async ({ client }) => {
      await pushAttested(client)
      await deleted(client, attested)
    },
    goes: [...manifestPlaces('app', attested), ...revisions(one.manifest, attestation.manifest)],
    goesLater: contentPlaces('app', one, attestation),
  },
  ...[
    ['an old cache of BuildKit, an index of blobs,', oldCache] as const,
    ['a cache of BuildKit, an image,', newCache] as const,
  ].flatMap(([title, cache]): readonly CollectedRow[] => [
    {
      title: `${title} stays with its tag`,
      write: async ({ client }) => await pushCache(client, cache),
      stays: [tag('app', 'cache'), ...manifestPlaces('app', cache), ...blobPlaces('app', cacheConfig, ...cacheLayers)],
    },
    {
      title: `${title} goes when it was deleted`,
      write: async ({ client }) => {
        await pushCache(client, cache)
        await deleted(client, cache)
      },
      goes: [...manifestPlaces('app', cache), ...blobPlaces('app', cacheConfig, ...cacheLayers)],
    },
  ]),
  {
    title: 'an image that is child of one index, layer of an artifact and pushed as a blob stays with the last of them',
    write: async ({ client }) => {
      await pushImage(client, one, one.manifest.digest)
      await put(client, 'index', inner.manifest)
      await client.pushBlob('app', one.manifest)
      await client.pushBlob('app', EMPTY_CONFIG)
      await put(client, 'artifact', carrying(one.manifest))
      await deleted(client, inner.manifest)
    },
    goes: manifestPlaces('app', inner.manifest),
    stays: [tag('app', 'artifact'), link('app', one.manifest), ...imagePlaces('app', one)],
  },
  {
    title: 'an image that is child of one index, layer of an artifact and pushed as a blob goes with the last of them',
    write: async ({ client }) => {
      await pushImage(client, one, one.manifest.digest)
      await put(client, 'index', inner.manifest)
      await client.pushBlob('app', one.manifest)
      await client.pushBlob('app', EMPTY_CONFIG)
      await put(client, 'artifact', carrying(one.manifest))
      await deleted(client, carrying(one.manifest))
      await deleted(client, inner.manifest)
    },
    goes: [link('app', one.manifest), ...manifestPlaces('app', inner.manifest, carrying(one.manifest), one.manifest)],
    goesLater: blobPlaces('app', ...blobsOf(one)),
  },
]

async function pushAttested(client: RegistryClient): Promise<void> {
  for (const image of [one, attestation]) await pushImage(client, image, image.manifest.digest)
  await put(client, 'latest', attested)
}

async function pushCache(client: RegistryClient, cache: Content): Promise<void> {
  for (const blob of [cacheConfig, ...cacheLayers]) await client.pushBlob('app', blob)
  await put(client, 'cache', cache)
}
