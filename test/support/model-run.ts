import { expect } from 'bun:test'
import { sha256, sha512 } from './images.ts'
import { type Expected, error, inByteOrder, type ModelChunk, PARTLY, RegistryModel } from './model.ts'
import { expectAnswer, expectSound, inTime } from './model-answers.ts'
import { BLOBS, MANIFEST_TYPES, MANIFESTS, type ModelBlob, type ModelManifest, NO_MANIFESTS } from './model-content.ts'
import type { Step, StepOf } from './model-steps.ts'
import type { RestartableRegistry } from './restartable-registry.ts'

const UNKNOWN_UPLOAD = '01234567-89ab-4cde-8f01-23456789abcd'

type Init = Pick<RequestInit, 'headers' | 'body'>

/** Takes steps with a registry and its model, and compares every answer. */
export class ModelRun {
  readonly model = new RegistryModel()
  readonly #registry: RestartableRegistry
  /** Every upload that was ever started, ended or not. */
  readonly #uploads: { readonly id: string; readonly repository: string }[] = []

  constructor(registry: RestartableRegistry) {
    this.#registry = registry
  }

  async take(step: Step): Promise<void> {
    switch (step.name) {
      case 'pushBlob':
        return await this.pushBlob(step.repository, at(BLOBS, step.blob), step.way)
      case 'pushWrongBlob':
        return await this.#postBlob(step.repository, at(BLOBS, step.blob).digest, bytesOf(step.text))
      case 'startUpload':
        return await this.#startUpload(step)
      case 'patchUpload':
        return await this.#patchUpload(step)
      case 'closeUpload':
        return await this.#closeUpload(step)
      case 'lookAtUpload':
        return await this.#lookAtUpload(step)
      case 'cancelUpload':
        return await this.#cancelUpload(step)
      case 'mountBlob':
        return await this.#mountBlob(step)
      case 'getBlob':
        return await this.#getBlob(step)
      case 'deleteBlob': {
        const { digest } = at(BLOBS, step.blob)
        return await this.#expect(
          'DELETE',
          `/v2/${step.repository}/blobs/${digest}`,
          this.model.deleteBlob(step.repository, digest),
        )
      }
      case 'pushImage':
        return await this.#pushImage(step.repository, at(MANIFESTS, step.manifest), step.tags)
      case 'putManifest':
        return await this.#putManifest(step)
      case 'putWrongManifest':
        return await this.#putWrongManifest(step)
      case 'getManifest':
        return await this.#getManifest(step)
      case 'deleteManifest': {
        const reference = referenceOf(step.reference)
        const expected = this.model.deleteManifest(step.repository, reference)
        return await this.#expect('DELETE', `/v2/${step.repository}/manifests/${reference}`, expected)
      }
      case 'listTags': {
        const tags = this.model.listTags(step.repository)
        const unknown = tags === undefined ? error(404, 'NAME_UNKNOWN') : undefined
        const bodyOf = (page: readonly string[]) => ({ name: step.repository, tags: page })
        return await this.#expectPages(`/v2/${step.repository}/tags/list`, step, { all: tags ?? [], unknown, bodyOf })
      }
      case 'listRepositories': {
        const bodyOf = (page: readonly string[]) => ({ repositories: page })
        return await this.#expectPages('/v2/_catalog', step, { all: this.model.listRepositories(), unknown: undefined, bodyOf })
      }
      case 'listReferrers':
        return await this.#listReferrers(step)
      case 'restart':
        if (step.database === 'gone') this.model.uploads.clear()
        return await this.#registry.restart(step)
      case 'beHostile': {
        const path = `/${step.segments.join('/')}${step.query}`
        await expectSound(step.method, await this.#request(step.method, path))
      }
    }
  }

  /** Asks for everything that could be there, and compares. */
  async expectAll(): Promise<void> {
    const pages = { n: undefined, last: null }
    await this.take({ name: 'listRepositories', ...pages })
    for (const repository of [...this.model.repositories.keys(), 'none']) {
      const repositoryStep = repository as StepOf<'listTags'>['repository']
      await this.take({ name: 'listTags', repository: repositoryStep, ...pages })
      const manifests = MANIFESTS.flatMap(({ bytes }) => [sha256(bytes), sha512(bytes)])
      const tags = [...(this.model.repositories.get(repository)?.tags.keys() ?? [])]
      for (const reference of [...manifests, ...tags]) {
        await this.#expect('GET', `/v2/${repository}/manifests/${reference}`, this.model.getManifest(repository, reference))
      }
      for (const { digest } of BLOBS) {
        await this.#expect('GET', `/v2/${repository}/blobs/${digest}`, this.model.getBlob(repository, digest))
      }
      for (const subject of MANIFESTS.keys()) {
        await this.take({ name: 'listReferrers', repository: repositoryStep, subject, artifactType: undefined })
      }
    }
    for (const { id, repository } of this.#uploads) {
      await this.#expect('GET', `/v2/${repository}/blobs/uploads/${id}`, this.model.status(repository, id))
    }
  }

  async pushBlob(
    repository: string,
    { digest, bytes }: ModelBlob,
    way: 'one request' | 'two requests' | 'chunks',
  ): Promise<void> {
    if (way === 'one request') return await this.#postBlob(repository, digest, bytes)
    const id = await this.#start(repository)
    const path = `/v2/${repository}/blobs/uploads/${id}`
    const middle = way === 'chunks' ? Math.floor(bytes.length / 2) : 0
    for (const part of way === 'chunks' ? [bytes.subarray(0, middle), bytes.subarray(middle)] : []) {
      const chunk = { bytes: part, range: undefined, isCounted: true }
      await this.#expect('PATCH', path, this.model.patch(repository, id, chunk), bodyOf(chunk))
    }
    const last = { bytes: way === 'chunks' ? new Uint8Array() : bytes, range: undefined, isCounted: true }
    await this.#expect('PUT', `${path}?digest=${digest}`, this.model.close(repository, id, digest, last), bodyOf(last))
  }

  /** A POST without a body asks for a session, unless the digest is that of no bytes. */
  async #postBlob(repository: string, digest: string, bytes: Uint8Array): Promise<void> {
    const path = `/v2/${repository}/blobs/uploads/?digest=${digest}`
    if (bytes.length === 0 && digest !== at(BLOBS, 0).digest) return await this.#expectStarted(repository, path)
    await this.#expect(
      'POST',
      path,
      this.model.pushBlob(repository, digest, bytes),
      bytes.length === 0 ? {} : { body: bytes.slice() },
    )
  }

  async #startUpload({ repository, algorithm }: StepOf<'startUpload'>): Promise<void> {
    const query = algorithm === undefined ? '' : `?digest-algorithm=${algorithm}`
    const path = `/v2/${repository}/blobs/uploads/${query}`
    if (algorithm === 'md5' || algorithm === '') return await this.#expect('POST', path, error(400, 'DIGEST_INVALID'))
    await this.#expectStarted(repository, path)
  }

  async #start(repository: string): Promise<string> {
    await this.#expectStarted(repository, `/v2/${repository}/blobs/uploads/`)
    return this.#uploads.at(-1)?.id ?? ''
  }

  async #expectStarted(repository: string, path: string): Promise<void> {
    const response = await this.#request('POST', path)
    this.#started(repository, response)
    await expectAnswer('POST', response, { status: 202, headers: this.model.uploadHeaders(this.#uploads.at(-1)?.id ?? '') })
  }

  #started(repository: string, response: Response): void {
    const id = response.headers.get('docker-upload-uuid') ?? ''
    this.#uploads.push({ id, repository })
    this.model.uploads.set(id, { repository, bytes: new Uint8Array() })
  }

  async #patchUpload({ upload, isElsewhere, chunk }: StepOf<'patchUpload'>): Promise<void> {
    const { id, repository } = this.#uploadOf(upload, isElsewhere)
    const path = `/v2/${repository}/blobs/uploads/${id}`
    const { init, model } = this.#chunkOf('PATCH', id, chunk)
    const expected = model === undefined ? error(400, 'SIZE_INVALID') : this.model.patch(repository, id, model)
    await this.#expect('PATCH', path, expected, init)
    if (expected === PARTLY) await this.#seeHowMuchWasTaken(id, model?.bytes)
  }

  async #closeUpload({ upload, isElsewhere, chunk, digest, algorithm }: StepOf<'closeUpload'>): Promise<void> {
    const { id, repository } = this.#uploadOf(upload, isElsewhere)
    const { init, model } = this.#chunkOf('PUT', id, chunk)
    const own = () =>
      (algorithm === 'sha256' ? sha256 : sha512)(
        Buffer.concat([this.model.uploads.get(id)?.bytes ?? bytesOf(''), model?.bytes ?? bytesOf('')]),
      )
    const wanted =
      typeof digest === 'number' ? at(BLOBS, digest).digest : { own: own(), malformed: 'sha256:x', none: undefined }[digest]
    const path = `/v2/${repository}/blobs/uploads/${id}${wanted === undefined ? '' : `?digest=${wanted}`}`
    const expected = () => {
      if (wanted === undefined || digest === 'malformed') return error(400, 'DIGEST_INVALID')
      return model === undefined ? error(400, 'SIZE_INVALID') : this.model.close(repository, id, wanted, model)
    }
    const answer = expected()
    await this.#expect('PUT', path, answer, init)
    if (answer === PARTLY) await this.#seeHowMuchWasTaken(id, model?.bytes)
  }

  async #lookAtUpload({ upload, isElsewhere, method }: StepOf<'lookAtUpload'>): Promise<void> {
    const { id, repository } = this.#uploadOf(upload, isElsewhere)
    await this.#expect(method, `/v2/${repository}/blobs/uploads/${id}`, this.model.status(repository, id))
  }

  async #cancelUpload({ upload, isElsewhere }: StepOf<'cancelUpload'>): Promise<void> {
    const { id, repository } = this.#uploadOf(upload, isElsewhere)
    await this.#expect('DELETE', `/v2/${repository}/blobs/uploads/${id}`, this.model.cancel(repository, id))
  }

  /** A mount that cannot be honoured opens an upload; one that does not say from where may be either. */
  async #mountBlob({ repository, blob, from }: StepOf<'mountBlob'>): Promise<void> {
    const { digest, bytes } = at(BLOBS, blob)
    const query = `?mount=${digest}${from === undefined ? '' : `&from=${encodeURIComponent(from)}`}`
    const response = await this.#request('POST', `/v2/${repository}/blobs/uploads/${query}`)
    const mayBeFound = from === undefined && this.model.hasBlobAnywhere(digest)
    const isMounted = mayBeFound ? response.status === 201 : from !== undefined && this.model.hasBlob(from, digest)
    if (isMounted) return void (await expectAnswer('POST', response, this.model.addBlob(repository, digest, bytes)))
    this.#started(repository, response)
    await expectAnswer('POST', response, { status: 202, headers: this.model.uploadHeaders(this.#uploads.at(-1)?.id ?? '') })
  }

  async #getBlob({ repository, blob, method, hasIt, range }: StepOf<'getBlob'>): Promise<void> {
    const { digest } = at(BLOBS, blob)
    const isRange = range !== null && (range.first !== undefined || range.last !== undefined)
    const headers = {
      ...(hasIt ? { 'If-None-Match': `W/"other", "${digest}"` } : {}),
      ...(isRange ? { Range: `bytes=${range.first ?? ''}-${range.last ?? ''}` } : {}),
    }
    const whole = this.model.getBlob(repository, digest)
    const part = isRange && method === 'GET' ? this.model.getBlobPart(repository, digest, range) : whole
    await this.#expect(method, `/v2/${repository}/blobs/${digest}`, hasIt ? notModified(whole) : part, { headers })
  }

  /** Everything that it names is pushed first, so that it succeeds. */
  async #pushImage(repository: string, manifest: ModelManifest, tags: readonly string[]): Promise<void> {
    for (const digest of manifest.required) {
      const blob = BLOBS.find((candidate) => candidate.digest === digest)
      const child = MANIFESTS.find((candidate) => sha256(candidate.bytes) === digest)
      if (blob !== undefined) await this.pushBlob(repository, blob, 'one request')
      if (child !== undefined) await this.#pushImage(repository, child, [])
    }
    const digest = sha256(manifest.bytes)
    const [first = digest] = tags
    const query = tags.slice(1).map((tag) => `tag=${tag}`)
    await this.#put(
      repository,
      `${first}?${query.join('&')}`,
      manifest,
      this.model.putManifest(repository, digest, manifest, tags),
    )
  }

  async #putManifest({ repository, manifest: index, algorithm, tag, tags, type }: StepOf<'putManifest'>): Promise<void> {
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
      type === 'wrong' ? error(400, 'MANIFEST_INVALID') : this.model.putManifest(repository, digest, manifest, allTags)
    const ociTag = tags.length === 0 || expected.status !== 201 ? undefined : allTags.join(', ')
    const reference = `${tag ?? digest}?${tags.map((further) => `tag=${further}`).join('&')}`
    await this.#put(
      repository,
      reference,
      manifest,
      { ...expected, headers: { ...expected.headers, 'OCI-Tag': ociTag } },
      contentType,
    )
  }

  async #putWrongManifest({ repository, wrong, manifest: index, bytes }: StepOf<'putWrongManifest'>): Promise<void> {
    const manifest = at(MANIFESTS, index)
    const reference = { tag: '-not-a-tag', 'further tag': 'v1?tag=a/b', digest: at(BLOBS, 1).digest, bytes: 'v1' }[wrong]
    const sent = wrong === 'bytes' ? { ...manifest, bytes: at(NO_MANIFESTS, bytes) } : manifest
    await this.#put(
      repository,
      reference,
      sent,
      error(400, wrong === 'digest' ? 'DIGEST_INVALID' : 'MANIFEST_INVALID'),
      undefined,
    )
  }

  async #put(
    repository: string,
    reference: string,
    manifest: ModelManifest,
    expected: Expected,
    contentType: string | undefined = manifest.mediaType,
  ) {
    const headers = contentType === undefined ? {} : { 'Content-Type': contentType }
    await this.#expect('PUT', `/v2/${repository}/manifests/${reference}`, expected, { headers, body: manifest.bytes.slice() })
  }

  async #getManifest({ repository, reference: named, method, hasIt }: StepOf<'getManifest'>): Promise<void> {
    const reference = referenceOf(named)
    const whole = this.model.getManifest(repository, reference)
    const headers = hasIt ? { 'If-None-Match': whole.headers?.ETag ?? '*' } : {}
    await this.#expect(method, `/v2/${repository}/manifests/${reference}`, hasIt ? notModified(whole) : whole, { headers })
  }

  async #listReferrers({ repository, subject, artifactType }: StepOf<'listReferrers'>): Promise<void> {
    const digest = sha256(at(MANIFESTS, subject).bytes)
    const query = artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`
    const manifests = this.model.listReferrers(repository, digest, artifactType || undefined)
    await this.#expect('GET', `/v2/${repository}/referrers/${digest}${query}`, {
      status: 200,
      headers: {
        'Content-Type': MANIFEST_TYPES[1],
        'OCI-Filters-Applied': artifactType ? 'artifactType' : undefined,
        Link: undefined,
      },
      body: { schemaVersion: 2, mediaType: MANIFEST_TYPES[1], manifests },
    })
  }

  /** Follows the pages to their end. Without `n` there is one. */
  async #expectPages(
    path: string,
    { n, last }: { readonly n: string | undefined; readonly last: string | null },
    list: { readonly all: readonly string[]; readonly unknown: Expected | undefined; bodyOf(page: readonly string[]): object },
  ): Promise<void> {
    const query = [...(n === undefined ? [] : [`n=${n}`]), ...(last === null ? [] : [`last=${last}`])]
    const first = `${path}${query.length === 0 ? '' : '?'}${query.join('&')}`
    if (n === 'x' || n === '-1') return await this.#expect('GET', first, error(400, 'PAGINATION_NUMBER_INVALID'))
    if (list.unknown !== undefined) return await this.#expect('GET', first, list.unknown)
    const count = n === undefined ? list.all.length : Math.min(Number(n), 1000)
    let rest = list.all.filter((entry) => last === null || (entry !== last && inByteOrder([entry, last])[0] === last))
    for (let next: string | undefined = first; next !== undefined; ) {
      const page = rest.slice(0, count)
      const response = await this.#request('GET', next)
      await expectAnswer('GET', response, { status: 200, body: list.bodyOf(page) })
      next = /^<(\/[^>]*)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1]
      rest = rest.slice(count)
      expect(next === undefined).toBe(count === 0 || rest.length === 0)
    }
  }

  #uploadOf(index: number, isElsewhere: boolean): { readonly id: string; readonly repository: string } {
    const upload = this.#uploads[index % Math.max(1, this.#uploads.length)] ?? { id: UNKNOWN_UPLOAD, repository: 'a' }
    return isElsewhere ? { ...upload, repository: `${upload.repository}/elsewhere` } : upload
  }

  /** A chunk as it is sent and as the model sees it: undefined there when its Content-Range cannot be read. */
  #chunkOf(method: 'PATCH' | 'PUT', id: string, { text, range: kind, isCounted }: StepOf<'patchUpload'>['chunk']) {
    const bytes = bytesOf(text)
    const offset = this.model.uploads.get(id)?.bytes.length ?? 0
    const last = offset + bytes.length - 1
    const ranges: Partial<Record<typeof kind, readonly [number, number]>> = {
      right: [offset, last],
      ahead: [offset + 1, last + 1],
      behind: [Math.max(0, offset - 1), Math.max(0, offset - 1) + bytes.length - 1],
      short: [offset, last - 1],
      long: [offset, last + 1],
      reversed: [offset + 5, offset + 3],
    }
    const [first, end] = bytes.length < 2 ? [] : (ranges[kind] ?? [])
    const range = first === undefined || end === undefined ? undefined : { first, last: end }
    const isMalformed = kind === 'malformed' && bytes.length > 0
    const header = isMalformed ? 'from here to there' : `${first}-${end}`
    const chunk: ModelChunk = { bytes, range, isCounted: isCounted || bytes.length === 0 }
    const headers = isMalformed || range !== undefined ? { 'Content-Range': header } : {}
    return { init: bodyOf(chunk, headers), model: isMalformed ? undefined : chunk, method }
  }

  async #seeHowMuchWasTaken(id: string, sent = new Uint8Array()): Promise<void> {
    const upload = this.model.uploads.get(id)
    if (upload === undefined) throw new Error('the model lost an upload')
    const response = await this.#request('GET', `/v2/${upload.repository}/blobs/uploads/${id}`)
    const end = Number(response.headers.get('range')?.slice('0-'.length))
    const taken = end === 0 ? 0 : end + 1 - upload.bytes.length
    expect(taken).toBeWithin(0, sent.length + 1)
    upload.bytes = Buffer.concat([upload.bytes, sent.subarray(0, taken)])
  }

  async #expect(method: string, path: string, expected: Expected, init: Init = {}): Promise<void> {
    await expectAnswer(method, await this.#request(method, path, init), expected)
  }

  async #request(method: string, path: string, init: Init = {}): Promise<Response> {
    return await inTime(this.#registry.request(method, path, init), `${method} ${path}`)
  }
}

function notModified(whole: Expected): Expected {
  if (whole.status !== 200) return whole
  const { ETag, 'Docker-Content-Digest': digest } = whole.headers ?? {}
  return { status: 304, headers: { ETag, 'Docker-Content-Digest': digest, 'Content-Length': undefined } }
}

function referenceOf(reference: StepOf<'getManifest'>['reference']): string {
  switch (reference.by) {
    case 'tag':
      return reference.tag
    case 'blob':
      return at(BLOBS, reference.blob).digest
    case 'digest':
      return (reference.algorithm === 'sha256' ? sha256 : sha512)(at(MANIFESTS, reference.manifest).bytes)
  }
}

/** With Content-Length as HTTP clients send it, or as a stream without. */
function bodyOf({ bytes, isCounted }: ModelChunk, headers: Readonly<Record<string, string>> = {}): Init {
  if (bytes.length === 0) return { headers }
  const body = bytes.slice()
  return isCounted
    ? { body, headers: { ...headers, 'Content-Length': `${bytes.length}` } }
    : { body: new Blob([body]).stream(), headers }
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}

function at<Entry>(list: readonly Entry[], index: number): Entry {
  const entry = list[index]
  if (entry === undefined) throw new Error(`there is no entry ${index}`)
  return entry
}
