import { sha256, sha512 } from './images.ts'
import { error } from './model.ts'
import { expectSound } from './model-answers.ts'
import { BLOBS, MANIFEST_TYPES, MANIFESTS } from './model-content.ts'
import { ManifestSteps } from './model-manifests.ts'
import { at, bytesOf, ModelRequests, notModified } from './model-requests.ts'
import type { Step, StepOf } from './model-steps.ts'
import { UploadSteps } from './model-uploads.ts'
import type { RestartableRegistry } from './restartable-registry.ts'

/** Takes steps with a registry and its model, and compares every answer. */
export class ModelRun {
  readonly #requests: ModelRequests
  readonly #uploads: UploadSteps
  readonly #manifests: ManifestSteps

  constructor(registry: RestartableRegistry) {
    this.#requests = new ModelRequests(registry)
    this.#uploads = new UploadSteps(this.#requests)
    this.#manifests = new ManifestSteps(this.#requests, this.#uploads)
  }

  async take(step: Step): Promise<void> {
    switch (step.name) {
      case 'pushBlob':
        return await this.#uploads.pushBlob(step.repository, at(BLOBS, step.blob), step.way)
      case 'pushWrongBlob':
        return await this.#uploads.postBlob(step.repository, at(BLOBS, step.blob).digest, bytesOf(step.text))
      case 'startUpload':
        return await this.#uploads.startUpload(step)
      case 'patchUpload':
        return await this.#uploads.patchUpload(step)
      case 'closeUpload':
        return await this.#uploads.closeUpload(step)
      case 'lookAtUpload':
        return await this.#uploads.lookAtUpload(step)
      case 'cancelUpload':
        return await this.#uploads.cancelUpload(step)
      case 'mountBlob':
        return await this.#uploads.mountBlob(step)
      case 'getBlob':
        return await this.#getBlob(step)
      case 'deleteBlob': {
        const { digest } = this.#requests.blobIn(step.repository, step.blob)
        return await this.#requests.expect(
          'DELETE',
          `/v2/${step.repository}/blobs/${digest}`,
          this.#requests.model.deleteBlob(step.repository, digest),
        )
      }
      case 'pushImage':
        return await this.#manifests.pushImage(step.repository, at(MANIFESTS, step.manifest), step.tags)
      case 'putManifest':
        return await this.#manifests.putManifest(step)
      case 'putWrongManifest':
        return await this.#manifests.putWrongManifest(step)
      case 'getManifest':
        return await this.#manifests.getManifest(step)
      case 'deleteManifest':
        return await this.#manifests.deleteManifest(step)
      case 'listTags': {
        const tags = this.#requests.model.listTags(step.repository)
        const unknown = tags === undefined ? error(404, 'NAME_UNKNOWN') : undefined
        const bodyOf = (page: readonly string[]) => ({ name: step.repository, tags: page })
        return await this.#requests.expectPages(`/v2/${step.repository}/tags/list`, step, { all: tags ?? [], unknown, bodyOf })
      }
      case 'listRepositories': {
        const bodyOf = (page: readonly string[]) => ({ repositories: page })
        return await this.#requests.expectPages('/v2/_catalog', step, {
          all: this.#requests.model.listRepositories(),
          unknown: undefined,
          bodyOf,
        })
      }
      case 'listReferrers':
        return await this.#listReferrers(step)
      case 'lookAround':
        return await this.expectAll()
      case 'restart':
        if (step.database === 'gone') this.#requests.model.uploads.clear()
        return await this.#requests.registry.restart(step)
      case 'beHostile': {
        const path = `/${step.segments.join('/')}${step.query}`
        await expectSound(step.method, await this.#requests.send(step.method, path))
      }
    }
  }

  /** Asks for everything that could be there, and compares. */
  async expectAll(): Promise<void> {
    const pages = { n: undefined, last: null }
    await this.take({ name: 'listRepositories', ...pages })
    for (const repository of [...this.#requests.model.repositories.keys(), 'none']) {
      const repositoryStep = repository as StepOf<'listTags'>['repository']
      await this.take({ name: 'listTags', repository: repositoryStep, ...pages })
      const manifests = MANIFESTS.flatMap(({ bytes }) => [sha256(bytes), sha512(bytes)])
      const tags = [...(this.#requests.model.repositories.get(repository)?.tags.keys() ?? [])]
      for (const reference of [...manifests, ...tags]) {
        await this.#requests.expect(
          'GET',
          `/v2/${repository}/manifests/${reference}`,
          this.#requests.model.getManifest(repository, reference),
        )
      }
      for (const { digest } of BLOBS) {
        await this.#requests.expect('GET', `/v2/${repository}/blobs/${digest}`, this.#requests.model.getBlob(repository, digest))
      }
      for (const subject of MANIFESTS.keys()) {
        await this.take({ name: 'listReferrers', repository: repositoryStep, subject, artifactType: undefined })
      }
    }
    await this.#uploads.expectAll()
  }

  async #getBlob({ repository, blob, method, hasIt, range }: StepOf<'getBlob'>): Promise<void> {
    const { digest } = this.#requests.blobIn(repository, blob)
    const isRange = range !== null && (range.first !== undefined || range.last !== undefined)
    const headers = {
      ...(hasIt ? { 'If-None-Match': `W/"other", "${digest}"` } : {}),
      ...(isRange ? { Range: `bytes=${range.first ?? ''}-${range.last ?? ''}` } : {}),
    }
    const whole = this.#requests.model.getBlob(repository, digest)
    const part = isRange && method === 'GET' ? this.#requests.model.getBlobPart(repository, digest, range) : whole
    await this.#requests.expect(method, `/v2/${repository}/blobs/${digest}`, hasIt ? notModified(whole) : part, { headers })
  }

  async #listReferrers({ repository, subject, artifactType }: StepOf<'listReferrers'>): Promise<void> {
    const digest = sha256(at(MANIFESTS, subject).bytes)
    const query = artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`
    const manifests = this.#requests.model.listReferrers(repository, digest, artifactType || undefined)
    await this.#requests.expect('GET', `/v2/${repository}/referrers/${digest}${query}`, {
      status: 200,
      headers: {
        'Content-Type': MANIFEST_TYPES[1],
        'OCI-Filters-Applied': artifactType ? 'artifactType' : undefined,
        Link: undefined,
      },
      body: { schemaVersion: 2, mediaType: MANIFEST_TYPES[1], manifests },
    })
  }
}
