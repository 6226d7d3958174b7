import { EMPTY_CONFIG } from '../../support/artifacts.ts'
import { type Content, contentOf, sha512 } from '../../support/images.ts'
import type { RegistryClient } from '../../support/registry-client.ts'
import { carrying, put } from './row.ts'

export const strongLayer = { ...contentOf('application/octet-stream', Buffer.from('a layer by sha512')) }
export const strong: Content = { ...strongLayer, digest: sha512(strongLayer.bytes) }
export const strongManifest = { ...carrying(strong), digest: sha512(carrying(strong).bytes) }

export async function pushStrong(client: RegistryClient): Promise<void> {
  for (const blob of [strong, EMPTY_CONFIG]) await client.pushBlob('app', blob)
  await put(client, strongManifest.digest, strongManifest)
}
