import { artifact, EMPTY_CONFIG, MISSING, OCI_IMAGE } from '../../support/artifacts.ts'
import { blobPlaces, bytes, contentPlaces, imagePlaces, manifestPlaces, tag } from '../../support/collected-places.ts'
import { descriptorOf, type Image, makeImage } from '../../support/images.ts'
import type { RegistryClient } from '../../support/registry-client.ts'
import { type CollectedRow, deleted, indexOf, lone, one, pushImage, put, revisions } from './row.ts'
import { pushStrong, strongManifest } from './strong.ts'

const sbom = artifact({ subject: descriptorOf(one.manifest) })
const sbomSignature = artifact({ subject: descriptorOf(sbom), artifactType: 'application/vnd.example.signature' })
const orphanSignature = artifact({ subject: { ...descriptorOf(MISSING), mediaType: OCI_IMAGE } })
/** As cosign tags what is about an image, where a registry has no referrers API. */
const [signature, statement] = ['signature', 'statement'].map((name) => makeImage(name, { layers: 1 })) as [Image, Image]
const attached = one.manifest.digest.replace(':', '-')
const fallback = indexOf([descriptorOf(sbom)])

export const REFERRER_ROWS: readonly CollectedRow[] = [
  {
    title: 'a chain of subjects stays with the image at its end',
    write: async ({ client }) => await pushChain(client, 'latest'),
    stays: [...imagePlaces('app', one), ...manifestPlaces('app', sbom, sbomSignature), ...blobPlaces('app', EMPTY_CONFIG)],
  },
  {
    title: 'a chain of subjects goes with the image at its end',
    write: async ({ client }) => {
      await pushChain(client, 'latest')
      await deleted(client, one.manifest)
    },
    goes: [...imagePlaces('app', one), ...revisions(sbom)],
    goesLater: [bytes(sbom), ...manifestPlaces('app', sbomSignature), ...blobPlaces('app', EMPTY_CONFIG)],
  },
  {
    title: 'a referrer with a tag of its own stays when its subject was deleted',
    write: async ({ client }) => {
      await pushChain(client, 'latest')
      await put(client, 'sbom', sbom)
      await deleted(client, one.manifest)
    },
    goes: imagePlaces('app', one),
    stays: [tag('app', 'sbom'), ...manifestPlaces('app', sbom, sbomSignature), ...blobPlaces('app', EMPTY_CONFIG)],
  },
  ...['.sig', '.att', '.sbom'].flatMap((suffix): readonly CollectedRow[] => [
    {
      title: `what is attached by the tag sha256-….${suffix.slice(1)} stays with its image`,
      write: async ({ client }) => {
        await pushImage(client, one, 'latest')
        await pushImage(client, signature, attached + suffix)
      },
      stays: [tag('app', attached + suffix), ...imagePlaces('app', one, signature)],
    },
    {
      title: `what is attached by the tag sha256-….${suffix.slice(1)} goes with its image, and so does the tag`,
      write: async ({ client }) => {
        await pushImage(client, one, 'latest')
        await pushImage(client, signature, attached + suffix)
        await deleted(client, one.manifest)
      },
      goes: [...imagePlaces('app', one), tag('app', attached + suffix), ...revisions(signature.manifest)],
      goesLater: contentPlaces('app', signature),
    },
  ]),
  {
    title: 'what is attached to an image by its sha512, of which a tag has the beginning, goes with it',
    write: async ({ client }) => {
      await pushStrong(client)
      await pushImage(client, signature, `${strongManifest.digest.replace(':', '-').slice(0, 71)}.sig`)
      await deleted(client, strongManifest)
    },
    goes: [...manifestPlaces('app', strongManifest), ...revisions(signature.manifest)],
    goesLater: contentPlaces('app', signature),
  },
  {
    title: 'what is attached to an image stays when the image was pushed again within the grace',
    write: async ({ client }) => {
      await pushImage(client, one, 'latest')
      await pushImage(client, signature, `${attached}.sig`)
      await deleted(client, one.manifest)
      await pushImage(client, one, 'again')
    },
    stays: [tag('app', `${attached}.sig`), ...imagePlaces('app', one, signature)],
  },
  {
    title: 'what is attached and has another tag as well stays when its image was deleted',
    write: async ({ client }) => {
      await pushImage(client, one, 'latest')
      await pushImage(client, signature, `${attached}.sig`)
      await put(client, 'kept', signature.manifest)
      await deleted(client, one.manifest)
    },
    goes: imagePlaces('app', one),
    stays: [tag('app', 'kept'), tag('app', `${attached}.sig`), ...imagePlaces('app', signature)],
  },
  {
    title: 'what is attached to an attestation of a deleted image goes with it',
    write: async ({ client }) => {
      await pushImage(client, one, 'latest')
      await pushImage(client, statement, `${attached}.att`)
      await pushImage(client, signature, `${statement.manifest.digest.replace(':', '-')}.sig`)
      await deleted(client, one.manifest)
    },
    goes: [tag('app', `${attached}.att`), ...revisions(statement.manifest)],
    goesLater: [
      tag('app', `${statement.manifest.digest.replace(':', '-')}.sig`),
      ...imagePlaces('app', signature),
      ...contentPlaces('app', statement),
    ],
  },
  {
    title: 'the fallback tag of referrers stays with its image',
    write: async ({ client }) => await pushFallback(client),
    stays: [tag('app', attached), ...imagePlaces('app', one), ...manifestPlaces('app', fallback, sbom)],
  },
  {
    title: 'the fallback tag of referrers goes with its image, and so do the referrers',
    write: async ({ client }) => {
      await pushFallback(client)
      await deleted(client, one.manifest)
    },
    goes: [tag('app', attached), ...imagePlaces('app', one), ...revisions(fallback)],
    goesLater: [bytes(fallback), ...manifestPlaces('app', sbom), ...blobPlaces('app', EMPTY_CONFIG)],
  },
  {
    title: 'a referrer whose tag moved on after its subject was deleted stays, as any manifest without a tag',
    write: async ({ client }) => {
      await pushChain(client, 'latest')
      await put(client, 'sbom', sbom)
      await deleted(client, one.manifest)
      await pushImage(client, lone, 'sbom')
    },
    goes: imagePlaces('app', one),
    stays: [...manifestPlaces('app', sbom, sbomSignature), ...imagePlaces('app', lone)],
  },
  {
    title: 'a referrer whose subject was never pushed stays',
    write: async ({ client }) => {
      await client.pushBlob('app', EMPTY_CONFIG)
      await put(client, orphanSignature.digest, orphanSignature)
    },
    stays: [...manifestPlaces('app', orphanSignature), ...blobPlaces('app', EMPTY_CONFIG)],
  },
  {
    title: 'what is attached to an image that was never pushed stays',
    write: async ({ client }) => await pushImage(client, signature, `${attached}.sig`),
    stays: [tag('app', `${attached}.sig`), ...imagePlaces('app', signature)],
  },
  {
    title: 'a signature in another repository stays when the image was deleted',
    write: async ({ client }) => {
      await pushImage(client, one, 'latest')
      await pushImage(client, signature, `${attached}.sig`, 'signatures')
      await client.pushBlob('signatures', EMPTY_CONFIG)
      await put(client, sbom.digest, sbom, 'signatures')
      await deleted(client, one.manifest)
    },
    goes: imagePlaces('app', one),
    stays: [
      tag('signatures', `${attached}.sig`),
      ...imagePlaces('signatures', signature),
      ...manifestPlaces('signatures', sbom),
      ...blobPlaces('signatures', EMPTY_CONFIG),
    ],
  },
]

async function pushChain(client: RegistryClient, reference: string): Promise<void> {
  await pushImage(client, one, reference)
  await client.pushBlob('app', EMPTY_CONFIG)
  for (const referrer of [sbom, sbomSignature]) await put(client, referrer.digest, referrer)
}

async function pushFallback(client: RegistryClient): Promise<void> {
  await pushImage(client, one, 'latest')
  await client.pushBlob('app', EMPTY_CONFIG)
  await put(client, sbom.digest, sbom)
  await put(client, attached, fallback)
}
