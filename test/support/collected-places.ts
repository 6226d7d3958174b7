import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { blobsOf, type Content, type Image } from './images.ts'
import type { RegistryClient } from './registry-client.ts'

/** The path of a file that the collector may remove, below the root of the layout. */
export type Place = string

type Named = Pick<Content, 'digest'>

export function bytes({ digest }: Named): Place {
  const [algorithm = '', hex = ''] = digest.split(':')
  return join('blobs', algorithm, hex.slice(0, 2), hex, 'data')
}

export function link(repository: string, { digest }: Named): Place {
  return join('repositories', repository, '_layers', digest.replace(':', '/'), 'link')
}

export function revision(repository: string, { digest }: Named): Place {
  return join('repositories', repository, '_manifests/revisions', digest.replace(':', '/'), 'link')
}

export function tag(repository: string, name: string): Place {
  return join('repositories', repository, '_manifests/tags', name, 'current/link')
}

/** A manifest in its repository, with its bytes. */
export function manifestPlaces(repository: string, ...manifests: readonly Named[]): readonly Place[] {
  return manifests.flatMap((manifest) => [revision(repository, manifest), bytes(manifest)])
}

/** What a manifest names, with its bytes. */
export function blobPlaces(repository: string, ...blobs: readonly Named[]): readonly Place[] {
  return blobs.flatMap((blob) => [link(repository, blob), bytes(blob)])
}

export function imagePlaces(repository: string, ...images: readonly Image[]): readonly Place[] {
  return images.flatMap((image) => [...manifestPlaces(repository, image.manifest), ...blobPlaces(repository, ...blobsOf(image))])
}

/** What a repository holds of images: all but their revisions. */
export function contentPlaces(repository: string, ...images: readonly Image[]): readonly Place[] {
  return images.flatMap((image) => [bytes(image.manifest), ...blobPlaces(repository, ...blobsOf(image))])
}

/** Those of the places that hold no file. */
export function missing(data: string, places: readonly Place[]): readonly Place[] {
  return places.filter((place) => !existsSync(join(data, 'docker/registry/v2', place)))
}

/** What a client gets for the place: undefined for bytes, which have no name of their own. */
export async function statusOf({ client }: { readonly client: RegistryClient }, place: Place): Promise<number | undefined> {
  const [, repository = '', below = ''] = /^repositories\/(.+?)\/(_.+)$/.exec(place) ?? []
  const digest = below.match(/[^/]+\/[0-9a-f]+(?=\/link$)/)?.[0]?.replace('/', ':') ?? ''
  if (below.startsWith('_layers')) return (await client.headBlob(repository, digest)).status
  if (below.startsWith('_manifests/revisions')) return (await client.headManifest(repository, digest)).status
  const [, name] = /^_manifests\/tags\/(.+)\/current\/link$/.exec(below) ?? []
  return name === undefined ? undefined : (await client.headManifest(repository, name)).status
}
