import { contentsOf, type ExpectedRegistry } from './expected-registry.ts'
import type { Content, Image, ImageIndex } from './images.ts'
import { expectStatus, RegistryClient } from './registry-client.ts'

/** Changes a registry and, once the registry has acknowledged it, what is expected of it. */
export class RegistryWriter {
  readonly client: RegistryClient
  readonly expected: ExpectedRegistry

  constructor(registry: string | RegistryClient, expected: ExpectedRegistry) {
    this.client = typeof registry === 'string' ? new RegistryClient(registry) : registry
    this.expected = expected
  }

  /** Pushes an image, or a manifest list with its images, under any number of tags; without one, by digest. */
  async push(repository: string, image: Image | ImageIndex, ...tags: readonly string[]): Promise<void> {
    const { manifests, blobs } = contentsOf(image)
    for (const blob of blobs) await this.pushBlob(repository, blob)
    for (const manifest of manifests) await this.putManifest(repository, manifest)
    await this.putManifest(repository, image.manifest, ...tags)
  }

  /** Pushes a manifest alone: its references are there already. */
  async putManifest(repository: string, manifest: Content, ...tags: readonly string[]): Promise<void> {
    for (const reference of tags.length === 0 ? [manifest.digest] : tags) {
      await expectStatus(await this.client.putManifest(repository, reference, manifest), 201)
    }
    this.expected.manifestPushed(repository, manifest, tags)
  }

  async pushBlob(repository: string, blob: Content): Promise<void> {
    await this.client.pushBlob(repository, blob)
    this.expected.blobPushed(repository, blob)
  }

  async mountBlob(repository: string, blob: Content, from: string): Promise<void> {
    const status = await this.client.mountBlob(repository, blob.digest, from)
    if (status !== 201) throw new Error(`${blob.digest} was not mounted from ${from}: ${status}`)
    this.expected.blobPushed(repository, blob)
  }

  async deleteManifest(repository: string, { digest }: Content): Promise<void> {
    await expectStatus(await this.client.deleteManifest(repository, digest), 202)
    this.expected.manifestDeleted(repository, digest)
  }

  async deleteTag(repository: string, tag: string): Promise<void> {
    await expectStatus(await this.client.deleteManifest(repository, tag), 202)
    this.expected.tagDeleted(repository, tag)
  }

  async deleteBlob(repository: string, { digest }: Content): Promise<void> {
    await expectStatus(await this.client.deleteBlob(repository, digest, { force: true }), 202)
    this.expected.blobDeleted(repository, digest)
  }
}
