import { expect } from 'bun:test'
import { blobsOf, type Content, type Image } from './images.ts'
import { PEER_PROGRAM, startPeer } from './peer.ts'
import { expectStatus, RegistryClient } from './registry-client.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

const SERVED_EACH = 10

export interface Tagged {
  readonly manifest: Content
  readonly images: readonly Image[]
}

/** At the end of some schedules, where there is a registry:2. */
export function isServedByPeer(seed: number): boolean {
  return seed % SERVED_EACH === 1 && Bun.which(PEER_PROGRAM) !== null
}

/** Each image, by 'repository tag', is pulled whole from registry:2, which serves the data directory as it is left. */
export async function expectServedByPeer(folder: TemporaryFolder, tagged: ReadonlyMap<string, Tagged>): Promise<void> {
  await using peer = await startPeer({ folder, dataDirectory: folder.join('data') })
  const client = new RegistryClient(peer.url)
  for (const [name, { manifest, images }] of tagged) {
    const [repository = '', tag = ''] = name.split(' ')
    expect(await (await expectStatus(await client.getManifest(repository, tag), 200)).bytes()).toEqual(manifest.bytes)
    for (const image of images) {
      await expectStatus(await client.getManifest(repository, image.manifest.digest), 200)
      for (const { digest, bytes } of blobsOf(image))
        expect(await (await expectStatus(await client.getBlob(repository, digest), 200)).bytes()).toEqual(bytes)
    }
  }
}
