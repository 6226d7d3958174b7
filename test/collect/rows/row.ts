import { artifact, OCI_INDEX } from '../../support/artifacts.ts'
import { type Place, revision } from '../../support/collected-places.ts'
import type { Collecting } from '../../support/collecting.ts'
import { blobsOf, type Content, descriptorOf, type Image, jsonContent, makeImage } from '../../support/images.ts'
import { expectStatus, type RegistryClient } from '../../support/registry-client.ts'

export interface CollectedLab {
  readonly client: RegistryClient
  /** Writes a file of the storage by hand, while no registry runs. */
  write(place: Place, text: string): Promise<void>
}

/** One kind of content: what is pushed and deleted, and what becomes of it. */
export interface CollectedRow {
  readonly title: string
  readonly write: (lab: CollectedLab) => Promise<void>
  readonly stays?: readonly Place[]
  /** Within a grace and a window. */
  readonly goes?: readonly Place[]
  /** What was named by that, and has its own grace from then on. */
  readonly goesLater?: readonly Place[]
  readonly meanwhile?: (berth: Collecting & CollectedLab) => Promise<void>
}

export const [one, two, lone] = ['one', 'two', 'lone'].map((name) => makeImage(name, { layers: 1 })) as [Image, Image, Image]

export async function pushImage(client: RegistryClient, image: Image, reference: string, repository = 'app'): Promise<void> {
  for (const blob of blobsOf(image)) await client.pushBlob(repository, blob)
  await put(client, reference, image.manifest, repository)
}

export async function put(client: RegistryClient, reference: string, manifest: Content, repository = 'app'): Promise<void> {
  await expectStatus(await client.putManifest(repository, reference, manifest), 201)
}

export async function deleted(client: RegistryClient, { digest }: Content): Promise<void> {
  await expectStatus(await client.deleteManifest('app', digest), 202)
}

export function revisions(...manifests: readonly Content[]): readonly Place[] {
  return manifests.map((manifest) => revision('app', manifest))
}

export function carrying(layer: Content): Content {
  return artifact({ layers: [descriptorOf(layer)] })
}

export function indexOf(manifests: readonly object[]): Content {
  return jsonContent(OCI_INDEX, { schemaVersion: 2, mediaType: OCI_INDEX, manifests })
}
