import { expect } from 'bun:test'
import { sha256, sha512 } from './images.ts'
import { error, type ModelChunk, PARTLY, type RegistryModel } from './model.ts'
import { expectAnswer } from './model-answers.ts'
import { BLOBS, type ModelBlob } from './model-content.ts'
import { at, bytesOf, type ModelRequests, type RequestFields } from './model-requests.ts'
import type { StepOf } from './model-steps.ts'

const UNKNOWN_UPLOAD = '01234567-89ab-4cde-8f01-23456789abcd'

/** The steps that bring blobs in. */
export class UploadSteps {
  readonly #requests: ModelRequests
  /** Every upload that was ever started, ended or not. */
  readonly #uploads: { readonly id: string; readonly repository: string }[] = []

  constructor(requests: ModelRequests) {
    this.#requests = requests
  }

  async expectAll(): Promise<void> {
    for (const { id, repository } of this.#uploads) {
      await this.#requests.expect('GET', `/v2/${repository}/blobs/uploads/${id}`, this.#model.status(repository, id))
    }
  }

  async pushBlob(
    repository: string,
    { digest, bytes }: ModelBlob,
    way: 'one request' | 'two requests' | 'chunks',
  ): Promise<void> {
    if (way === 'one request') return await this.postBlob(repository, digest, bytes)
    const id = await this.#start(repository)
    const path = `/v2/${repository}/blobs/uploads/${id}`
    const middle = way === 'chunks' ? Math.floor(bytes.length / 2) : 0
    for (const part of way === 'chunks' ? [bytes.subarray(0, middle), bytes.subarray(middle)] : []) {
      const chunk = { bytes: part, range: undefined, isCounted: true }
      await this.#requests.expect('PATCH', path, this.#model.patch(repository, id, chunk), bodyOf(chunk))
    }
    const last = { bytes: way === 'chunks' ? new Uint8Array() : bytes, range: undefined, isCounted: true }
    await this.#requests.expect('PUT', `${path}?digest=${digest}`, this.#model.close(repository, id, digest, last), bodyOf(last))
  }

  /** A POST without a body asks for a session, unless the digest is that of no bytes. */
  async postBlob(repository: string, digest: string, bytes: Uint8Array): Promise<void> {
    const path = `/v2/${repository}/blobs/uploads/?digest=${digest}`
    if (bytes.length === 0 && digest !== at(BLOBS, 0).digest) return await this.#expectStarted(repository, path)
    await this.#requests.expect(
      'POST',
      path,
      this.#model.pushBlob(repository, digest, bytes),
      bytes.length === 0 ? {} : { body: bytes.slice() },
    )
  }

  async startUpload({ repository, algorithm }: StepOf<'startUpload'>): Promise<void> {
    const query = algorithm === undefined ? '' : `?digest-algorithm=${algorithm}`
    const path = `/v2/${repository}/blobs/uploads/${query}`
    if (algorithm === 'md5' || algorithm === '') return await this.#requests.expect('POST', path, error(400, 'DIGEST_INVALID'))
    await this.#expectStarted(repository, path)
  }

  async patchUpload({ upload, isElsewhere, chunk }: StepOf<'patchUpload'>): Promise<void> {
    const { id, repository } = this.#uploadOf(upload, isElsewhere)
    const path = `/v2/${repository}/blobs/uploads/${id}`
    const { init, model } = this.#chunkOf(id, chunk)
    const expected = model === undefined ? error(400, 'SIZE_INVALID') : this.#model.patch(repository, id, model)
    await this.#requests.expect('PATCH', path, expected, init)
    if (expected === PARTLY) await this.#seeHowMuchWasTaken(id, model?.bytes)
  }

  async closeUpload({ upload, isElsewhere, chunk, digest, algorithm }: StepOf<'closeUpload'>): Promise<void> {
    const { id, repository } = this.#uploadOf(upload, isElsewhere)
    const { init, model } = this.#chunkOf(id, chunk)
    const own = () =>
      (algorithm === 'sha256' ? sha256 : sha512)(
        Buffer.concat([this.#model.uploads.get(id)?.bytes ?? bytesOf(''), model?.bytes ?? bytesOf('')]),
      )
    const wanted =
      typeof digest === 'number' ? at(BLOBS, digest).digest : { own: own(), malformed: 'sha256:x', none: undefined }[digest]
    const path = `/v2/${repository}/blobs/uploads/${id}${wanted === undefined ? '' : `?digest=${wanted}`}`
    const expected = () => {
      if (wanted === undefined || digest === 'malformed') return error(400, 'DIGEST_INVALID')
      return model === undefined ? error(400, 'SIZE_INVALID') : this.#model.close(repository, id, wanted, model)
    }
    const answer = expected()
    await this.#requests.expect('PUT', path, answer, init)
    if (answer === PARTLY) await this.#seeHowMuchWasTaken(id, model?.bytes)
  }

  async lookAtUpload({ upload, isElsewhere, method }: StepOf<'lookAtUpload'>): Promise<void> {
    const { id, repository } = this.#uploadOf(upload, isElsewhere)
    await this.#requests.expect(method, `/v2/${repository}/blobs/uploads/${id}`, this.#model.status(repository, id))
  }

  async cancelUpload({ upload, isElsewhere }: StepOf<'cancelUpload'>): Promise<void> {
    const { id, repository } = this.#uploadOf(upload, isElsewhere)
    await this.#requests.expect('DELETE', `/v2/${repository}/blobs/uploads/${id}`, this.#model.cancel(repository, id))
  }

  /** A mount that cannot be honoured opens an upload; one that does not say from where may be either. */
  async mountBlob({ repository, blob, from }: StepOf<'mountBlob'>): Promise<void> {
    const { digest, bytes } = this.#requests.blobIn(from ?? repository, blob)
    const query = `?mount=${digest}${from === undefined ? '' : `&from=${encodeURIComponent(from)}`}`
    const response = await this.#requests.send('POST', `/v2/${repository}/blobs/uploads/${query}`)
    const mayBeFound = from === undefined && this.#model.hasBlobAnywhere(digest)
    const isMounted = mayBeFound ? response.status === 201 : from !== undefined && this.#model.hasBlob(from, digest)
    if (isMounted) return void (await expectAnswer('POST', response, this.#model.addBlob(repository, digest, bytes)))
    await this.#expectSession(repository, response)
  }

  get #model(): RegistryModel {
    return this.#requests.model
  }

  async #start(repository: string): Promise<string> {
    await this.#expectStarted(repository, `/v2/${repository}/blobs/uploads/`)
    return this.#uploads.at(-1)?.id ?? ''
  }

  async #expectStarted(repository: string, path: string): Promise<void> {
    await this.#expectSession(repository, await this.#requests.send('POST', path))
  }

  /** The answer to a request that opened a session, which the model has from now on. */
  async #expectSession(repository: string, response: Response): Promise<void> {
    const id = response.headers.get('docker-upload-uuid') ?? ''
    this.#uploads.push({ id, repository })
    this.#model.uploads.set(id, { repository, bytes: new Uint8Array() })
    await expectAnswer('POST', response, { status: 202, headers: this.#model.uploadHeaders(id) })
  }

  #uploadOf(index: number, isElsewhere: boolean): { readonly id: string; readonly repository: string } {
    const upload = this.#uploads[index % Math.max(1, this.#uploads.length)] ?? { id: UNKNOWN_UPLOAD, repository: 'a' }
    return isElsewhere ? { ...upload, repository: `${upload.repository}/elsewhere` } : upload
  }

  /** A chunk as it is sent and as the model sees it: undefined there when its Content-Range cannot be read. */
  #chunkOf(id: string, { text, range: kind, isCounted }: StepOf<'patchUpload'>['chunk']) {
    const bytes = bytesOf(text)
    const offset = this.#model.uploads.get(id)?.bytes.length ?? 0
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
    return { init: bodyOf(chunk, headers), model: isMalformed ? undefined : chunk }
  }

  async #seeHowMuchWasTaken(id: string, sent: Uint8Array = new Uint8Array()): Promise<void> {
    const upload = this.#model.uploads.get(id)
    if (upload === undefined) throw new Error('the model lost an upload')
    const response = await this.#requests.send('GET', `/v2/${upload.repository}/blobs/uploads/${id}`)
    const end = Number(response.headers.get('range')?.slice('0-'.length))
    const taken = end === 0 ? 0 : end + 1 - upload.bytes.length
    expect(taken).toBeWithin(0, sent.length + 1)
    upload.bytes = Buffer.concat([upload.bytes, sent.subarray(0, taken)])
  }
}

/** With Content-Length, or as a stream of which nobody knows the length. */
function bodyOf({ bytes, isCounted }: ModelChunk, headers: Readonly<Record<string, string>> = {}): RequestFields {
  if (bytes.length === 0) return { headers }
  if (isCounted) return { body: bytes.slice(), headers: { ...headers, 'Content-Length': `${bytes.length}` } }
  const body = new ReadableStream({
    pull(controller) {
      controller.enqueue(bytes.slice())
      controller.close()
    },
  })
  return { body, headers }
}
