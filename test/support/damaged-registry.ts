import { type Digest, findDigest } from '../../src/oci/digest.ts'
import type { ReportedFinding } from '../../src/registry/check/command/finding.ts'
import { type StorageDriver, type StoragePath, storagePath } from '../../src/storage/driver.ts'
import { layout } from '../../src/storage/layout.ts'
import { blobsOf, type Content, type Image } from './images.ts'
import type { RestartableRegistry } from './restartable-registry.ts'

/** A registry in the test's process whose storage is damaged by hand. */
export class DamagedRegistry {
  readonly berth: RestartableRegistry

  constructor(berth: RestartableRegistry) {
    this.berth = berth
  }

  async push(repository: string, tag: string, image: Image): Promise<void> {
    for (const blob of blobsOf(image)) await this.pushBlob(repository, blob)
    await this.putManifest(repository, tag, image.manifest)
  }

  /** As clients do: what is there is not sent. */
  async pushBlob(repository: string, { digest, bytes }: Content): Promise<void> {
    if ((await this.status(`/v2/${repository}/blobs/${digest}`, 'HEAD')) === 200) return
    const begun = await this.berth.request('POST', `/v2/${repository}/blobs/uploads/`)
    const location = begun.headers.get('location') ?? ''
    const path = location.replace(/^https?:\/\/[^/]+/, '')
    const mark = path.includes('?') ? '&' : '?'
    const headers = { 'content-type': 'application/octet-stream' }
    const closed = await this.berth.request('PUT', `${path}${mark}digest=${digest}`, { headers, body: new Uint8Array(bytes) })
    if (closed.status !== 201) throw new Error(`the upload ended with ${closed.status}: ${await closed.text()}`)
  }

  async putManifest(repository: string, reference: string, { mediaType, bytes }: Content): Promise<void> {
    const init = { headers: { 'content-type': mediaType }, body: new Uint8Array(bytes) }
    const response = await this.berth.request('PUT', `/v2/${repository}/manifests/${reference}`, init)
    if (response.status !== 201) throw new Error(`the manifest was answered with ${response.status}: ${await response.text()}`)
  }

  async status(path: string, method = 'GET'): Promise<number> {
    const accept = 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json'
    const response = await this.berth.request(method, path, { headers: { accept } })
    await response.arrayBuffer()
    return response.status
  }

  async write(path: StoragePath, text: string | Uint8Array): Promise<void> {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
    const [directory, name] = [path.slice(0, path.lastIndexOf('/')), path.slice(path.lastIndexOf('/') + 1)]
    await this.storage.place([{ directory: storagePath(directory), files: [{ name, bytes }] }])
  }

  async remove(path: StoragePath): Promise<void> {
    await this.storage.removeOnlyFiles([path])
  }

  /** One bit of the first byte. */
  async flip(content: Content): Promise<void> {
    const bytes = content.bytes.slice()
    bytes[0] = (bytes[0] ?? 0) ^ 1
    await this.write(blobOf(content), bytes)
  }

  /** The findings, each as `kind outcome`, with its digest or tag. */
  async check({ repairs = false } = {}): Promise<readonly string[]> {
    const found: ReportedFinding[] = []
    await this.berth.registry.check.run({
      ...{ repairs, isMirrored: () => false, signal: new AbortController().signal, onProgress: () => undefined },
      onFinding: (finding) => found.push(finding),
    })
    return found.map(({ kind, outcome, concerns, digest, tag, path }) =>
      `${kind} ${outcome} ${concerns ?? path} ${tag ?? digest ?? ''}`.trim(),
    )
  }

  get storage(): StorageDriver {
    return this.berth.storage
  }
}

export function digestIn({ digest }: Content): Digest {
  const found = findDigest(digest)
  if (found === undefined) throw new Error(`${digest} is no digest`)
  return found
}

export function blobOf(content: Content): StoragePath {
  return layout.blob(digestIn(content))
}
