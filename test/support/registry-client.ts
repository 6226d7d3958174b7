import { ALL_MANIFEST_TYPES, blobsOf, type Content, type Image } from './images.ts'

/**
 * The requests that the suites need, over plain fetch. Each one throws when the registry answers with another status than the
 * one that means success, and says what it answered.
 */
export class RegistryClient {
  readonly url: string
  readonly #patienceMs: number

  /** `patienceMs`: for the beginning and the end of an answer, on a machine that does fifty other things as well. */
  constructor(url: string, patienceMs = 120_000) {
    this.url = url
    this.#patienceMs = patienceMs
  }

  /** Any request; a path begins with /v2/. Never follows redirects, never hangs for ever. */
  async request(method: string, path: string, init: Pick<RequestInit, 'headers' | 'body'> = {}): Promise<Response> {
    const url = new URL(path, this.url)
    return await fetch(url, { method, redirect: 'manual', signal: AbortSignal.timeout(this.#patienceMs), ...init })
  }

  async getManifest(repository: string, reference: string): Promise<Response> {
    return await this.#manifest('GET', repository, reference)
  }

  async headManifest(repository: string, reference: string): Promise<Response> {
    return await this.#manifest('HEAD', repository, reference)
  }

  async getBlob(repository: string, digest: string, headers: Record<string, string> = {}): Promise<Response> {
    return await this.request('GET', `/v2/${repository}/blobs/${digest}`, { headers })
  }

  async headBlob(repository: string, digest: string): Promise<Response> {
    return await this.request('HEAD', `/v2/${repository}/blobs/${digest}`)
  }

  /** POST, then one PUT. */
  async pushBlob(repository: string, { digest, bytes }: Pick<Content, 'digest' | 'bytes'>): Promise<void> {
    const location = await this.startUpload(repository)
    const response = await this.closeUpload(location, digest, bytes)
    await expectStatus(response, 201)
  }

  /** Opens an upload; gives where it goes on. */
  async startUpload(repository: string): Promise<string> {
    return locationOf(await expectStatus(await this.request('POST', `/v2/${repository}/blobs/uploads/`), 202))
  }

  /** Sends a chunk; gives where the upload goes on. */
  async appendUpload(location: string, bytes: Uint8Array): Promise<string> {
    return locationOf(await expectStatus(await this.request('PATCH', location, binary(bytes)), 202))
  }

  async closeUpload(location: string, digest: string, bytes: Uint8Array = new Uint8Array()): Promise<Response> {
    const query = `${location.includes('?') ? '&' : '?'}digest=${digest}`
    return await this.request('PUT', `${location}${query}`, binary(bytes))
  }

  /** 201 when mounted, 202 when the blob must be uploaded. */
  async mountBlob(repository: string, digest: string, from: string): Promise<number> {
    const response = await this.request('POST', `/v2/${repository}/blobs/uploads/?mount=${digest}&from=${from}`)
    await response.bytes()
    return response.status
  }

  /** Pushes a manifest whose references are there. */
  async putManifest(repository: string, reference: string, manifest: Content): Promise<Response> {
    return await this.request('PUT', `/v2/${repository}/manifests/${reference}`, {
      headers: { 'content-type': manifest.mediaType },
      body: manifest.bytes.slice(),
    })
  }

  async deleteManifest(repository: string, reference: string, { force = false } = {}): Promise<Response> {
    return await this.request('DELETE', `/v2/${repository}/manifests/${reference}${force ? '?force=true' : ''}`)
  }

  /** `force`: also when a manifest names it. */
  async deleteBlob(repository: string, digest: string, { force = false } = {}): Promise<Response> {
    return await this.request('DELETE', `/v2/${repository}/blobs/${digest}${force ? '?force=true' : ''}`)
  }

  async #manifest(method: string, repository: string, reference: string): Promise<Response> {
    return await this.request(method, `/v2/${repository}/manifests/${reference}`, { headers: { accept: ALL_MANIFEST_TYPES } })
  }
}

/** Sends the same headers with every request. */
export class AuthorizedClient extends RegistryClient {
  readonly #headers: Readonly<Record<string, string>>

  constructor(url: string, headers: Readonly<Record<string, string>>) {
    super(url)
    this.#headers = headers
  }

  override async request(method: string, path: string, init: Pick<RequestInit, 'headers' | 'body'> = {}): Promise<Response> {
    const headers = { ...this.#headers, ...Object.fromEntries(new Headers(init.headers)) }
    return await super.request(method, path, { ...init, headers })
  }
}

/** Pushes an image with all its blobs. */
export async function pushImage(client: RegistryClient, repository: string, image: Image, reference: string): Promise<void> {
  for (const blob of blobsOf(image)) await client.pushBlob(repository, blob)
  await expectStatus(await client.putManifest(repository, reference, image.manifest), 201)
}

/** Throws, with the body, when the status is another one. */
export async function expectStatus(response: Response, status: number): Promise<Response> {
  if (response.status === status) return response
  throw new Error(`${response.url} answered ${response.status}, not ${status}: ${await response.text()}`)
}

function binary(bytes: Uint8Array) {
  return { headers: { 'content-type': 'application/octet-stream' }, body: bytes.slice() }
}

function locationOf(response: Response): string {
  const location = response.headers.get('location')
  if (location === null) throw new Error(`${response.url} answered ${response.status} without Location`)
  return location
}
