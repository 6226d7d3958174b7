import { sha256, sha512 } from './images.ts'
import { type Expected, error, type RegistryModel } from './model.ts'
import { BLOBS, MANIFEST_TYPES, MANIFESTS, type ModelManifest, NO_MANIFESTS, TAGS } from './model-content.ts'
import { around, at, type ModelRequests, notModified } from './model-requests.ts'
import type { StepOf } from './model-steps.ts'
import type { UploadSteps } from './model-uploads.ts'

interface SentManifest {
  readonly reference: string
  readonly bytes: Uint8Array
  readonly contentType: string | undefined
}

/** The steps that are about manifests and tags. */
export class ManifestSteps {
  readonly #requests: ModelRequests
  readonly #uploads: UploadSteps

  constructor(requests: ModelRequests, uploads: UploadSteps) {
    this.#requests = requests
    this.#uploads = uploads
  }

  /** Everything that it names is pushed first, so that it succeeds. */
  async pushImage(repository: string, manifest: ModelManifest, tags: readonly string[]): Promise<void> {
    for (const digest of manifest.required) {
      const blob = BLOBS.find((candidate) => candidate.digest === digest)
      const child = MANIFESTS.find((candidate) => sha256(candidate.bytes) === digest)
      if (blob !== undefined) await this.#uploads.pushBlob(repository, blob, 'one request')
      if (child !== undefined) await this.pushImage(repository, child, [])
    }
    const digest = sha256(manifest.bytes)
    const [first = digest] = tags
    const reference = `${first}?${tags
      .slice(1)
      .map((tag) => `tag=${tag}`)
      .join('&')}`
    const expected = this.#model.putManifest(repository, digest, manifest, tags)
    await this.#put(repository, { reference, bytes: manifest.bytes, contentType: manifest.mediaType }, expected)
  }

  async putManifest({ repository, manifest: index, algorithm, tag, tags, type }: StepOf<'putManifest'>): Promise<void> {
    const manifest = at(MANIFESTS, index)
    const digest = tag === null && algorithm === 'sha512' ? sha512(manifest.bytes) : sha256(manifest.bytes)
    const allTags = [...new Set(tag === null ? tags : [tag, ...tags])]
    const wrong = MANIFEST_TYPES.find((other) => other !== manifest.mediaType)
    const contentType = {
      right: manifest.mediaType,
      none: undefined,
      wrong,
      'with parameters': `${manifest.mediaType}; charset=utf-8`,
    }[type]
    const expected =
      type === 'wrong' ? error(400, 'MANIFEST_INVALID') : this.#model.putManifest(repository, digest, manifest, allTags)
    const ociTag = tags.length === 0 || expected.status !== 201 ? undefined : allTags.join(', ')
    const reference = `${tag ?? digest}?${tags.map((further) => `tag=${further}`).join('&')}`
    const withTags = { ...expected, headers: { ...expected.headers, 'OCI-Tag': ociTag } }
    await this.#put(repository, { reference, bytes: manifest.bytes, contentType }, withTags)
  }

  async putWrongManifest({ repository, wrong, manifest: index, bytes }: StepOf<'putWrongManifest'>): Promise<void> {
    const manifest = at(MANIFESTS, index)
    const reference = { tag: '-not-a-tag', 'further tag': 'v1?tag=a/b', digest: at(BLOBS, 1).digest, bytes: 'v1' }[wrong]
    const sent = wrong === 'bytes' ? at(NO_MANIFESTS, bytes) : manifest.bytes
    const contentType = wrong === 'bytes' ? undefined : manifest.mediaType
    const expected = error(400, wrong === 'digest' ? 'DIGEST_INVALID' : 'MANIFEST_INVALID')
    await this.#put(repository, { reference, bytes: sent, contentType }, expected)
  }

  async getManifest({ repository, reference: named, method, hasIt }: StepOf<'getManifest'>): Promise<void> {
    const reference = this.#referenceIn(repository, named)
    const whole = this.#model.getManifest(repository, reference)
    const headers = hasIt ? { 'If-None-Match': whole.headers?.ETag ?? '*' } : {}
    await this.#requests.expect(method, `/v2/${repository}/manifests/${reference}`, hasIt ? notModified(whole) : whole, {
      headers,
    })
  }

  async deleteManifest({ repository, reference: named }: StepOf<'deleteManifest'>): Promise<void> {
    const reference = this.#referenceIn(repository, named)
    await this.#requests.expect(
      'DELETE',
      `/v2/${repository}/manifests/${reference}`,
      this.#model.deleteManifest(repository, reference),
    )
  }

  get #model(): RegistryModel {
    return this.#requests.model
  }

  async #put(repository: string, { reference, bytes, contentType }: SentManifest, expected: Expected): Promise<void> {
    const headers = contentType === undefined ? {} : { 'Content-Type': contentType }
    await this.#requests.expect('PUT', `/v2/${repository}/manifests/${reference}`, expected, { headers, body: bytes.slice() })
  }

  #referenceIn(repository: string, reference: StepOf<'getManifest'>['reference']): string {
    switch (reference.by) {
      case 'blob':
        return at(BLOBS, reference.blob).digest
      case 'tag': {
        const tags = reference.isPresent ? (this.#model.listTags(repository) ?? []) : []
        return around(tags, TAGS.indexOf(reference.tag)) ?? reference.tag
      }
      case 'digest': {
        const digests = reference.isPresent ? this.#model.listManifests(repository) : []
        const digestOf = reference.algorithm === 'sha256' ? sha256 : sha512
        return around(digests, reference.manifest) ?? digestOf(at(MANIFESTS, reference.manifest).bytes)
      }
    }
  }
}
