import { algorithmOf, type Digest, findDigest, RunningDigest } from '../oci/digest.ts'
import { MANIFEST_MEDIA_TYPES } from '../oci/media-types.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { Reference } from '../oci/reference.ts'
import { inPieces } from '../runtime/pieces.ts'
import { type CredentialSource, NO_CREDENTIALS } from './credentials.ts'
import type { Answer, Patience, Way } from './exchange.ts'
import { type Asked, RegistrySession } from './registry-session.ts'
import { refusal, UpstreamFailure, wrongAnswer } from './upstream-failure.ts'

export interface PushTargetOptions {
  /** Scheme, host and port; its API begins at /v2/. */
  readonly url: URL
  readonly credentials?: CredentialSource | undefined
  /** What is left out: the usual. */
  readonly way?: Partial<Way>
  /** Repositories of this registry that blobs are mounted from. */
  readonly mountedFrom?: readonly RepositoryName[]
  readonly pieceBytes?: number
}

export interface BlobToPush {
  readonly digest: Digest
  readonly size: number
  /** A repository of the same registry that may have it. */
  readonly mountFrom?: RepositoryName | undefined
  /** Its bytes, from the start; asked for once, and only where they have to be sent. */
  readonly chunks: () => AsyncIterable<Uint8Array>
}

/** What came of a blob: the repository had it, got it out of another one, or was sent it. */
export type PushedBlob = 'there' | 'mounted' | 'sent'

/**
 * What is held in memory of a blob, whatever its size. A piece is one request: large enough that requests cost nothing, small enough for the
 * proxies that refuse bodies of 100 MB.
 */
const PIECE_BYTES = 16 * 1024 * 1024
/** For the answer to a piece that goes over a slow line, and for a store that copies a large blob before it answers. */
const PUSH_PATIENCE: Patience = { headMs: 10 * 60_000, stallMs: 60_000 }
const BINARY = { 'content-type': 'application/octet-stream' }

/** A client of a registry, for pushes. Whatever does not do what was asked for is an UpstreamFailure that names the registry and its answer. */
export class PushTarget {
  readonly asked: string
  readonly #session: RegistrySession
  readonly #pieceBytes: number

  constructor({ url, credentials = NO_CREDENTIALS, way, mountedFrom, pieceBytes = PIECE_BYTES }: PushTargetOptions) {
    this.asked = `The registry ${url.origin}`
    this.#session = new RegistrySession({ url, credentials, asked: this.asked, way: { ...PUSH_PATIENCE, ...way }, mountedFrom })
    this.#pieceBytes = pieceBytes
  }

  /** The repository has the blob when this resolves. May be repeated. */
  async putBlob(repository: RepositoryName, blob: BlobToPush, signal: AbortSignal): Promise<PushedBlob> {
    if (await this.#hasBlob(repository, blob, signal)) return 'there'
    const location = await this.#openUpload(repository, blob, signal)
    if (location === undefined) return 'mounted'
    await this.#send(repository, { ...blob, location }, signal)
    return 'sent'
  }

  /** distribution-spec end-7. The registry has what the manifest names. */
  async putManifest(repository: RepositoryName, manifest: ManifestToPush, signal: AbortSignal): Promise<void> {
    const { reference, mediaType, bytes } = manifest
    const headers = { 'content-type': mediaType }
    const path = `manifests/${reference}`
    const answer = await this.#ask({ method: 'PUT', repository, path, headers, body: Buffer.from(bytes), signal }, [201])
    const said = answer.headers.get('docker-content-digest')
    if (said !== null && said !== manifest.digest)
      throw wrongAnswer(this.asked, `stored the manifest ${manifest.digest} as ${said.slice(0, 200)}`)
  }

  /** The digest that a tag leads to, or that is there; undefined where it is not, or not to be seen. */
  async findManifest(repository: RepositoryName, reference: Reference, signal: AbortSignal): Promise<Digest | undefined> {
    const headers = { accept: MANIFEST_MEDIA_TYPES.join(', ') }
    const answer = await this.#session.ask({ method: 'HEAD', repository, path: `manifests/${reference}`, headers, signal })
    answer.discard()
    if (answer.status === 404 || answer.status === 401 || answer.status === 403) return undefined
    if (answer.status !== 200) throw refusal(this.asked, answer)
    return findDigest(answer.headers.get('docker-content-digest') ?? '')
  }

  async #hasBlob(repository: RepositoryName, { digest, size }: BlobToPush, signal: AbortSignal): Promise<boolean> {
    const answer = await this.#session.ask({ method: 'HEAD', repository, path: `blobs/${digest}`, headers: {}, signal })
    answer.discard()
    if (answer.status === 404) return false
    // A user may have the right to push and not the right to pull.
    if (answer.status === 401 || answer.status === 403) return false
    if (answer.status !== 200) throw refusal(this.asked, answer)
    return answer.length === undefined || answer.length === size
  }

  /** Where the upload goes on; undefined: the blob was mounted (distribution-spec end-4a, end-11). */
  async #openUpload(
    repository: RepositoryName,
    { digest, mountFrom }: BlobToPush,
    signal: AbortSignal,
  ): Promise<URL | undefined> {
    const mount = mountFrom !== undefined && mountFrom !== repository
    const query = mount ? `?${new URLSearchParams({ mount: digest, from: mountFrom })}` : ''
    const path = `blobs/uploads/${query}`
    const answer = await this.#ask({ method: 'POST', repository, path, headers: {}, signal }, mount ? [201, 202] : [202])
    return answer.status === 201 ? undefined : this.#locationIn(answer)
  }

  /** One request for what fits into a piece, which is its closing one; else a PATCH for each piece (distribution-spec end-5, end-6). */
  async #send(
    repository: RepositoryName,
    { digest, size, chunks, location: first }: BlobToPush & { readonly location: URL },
    signal: AbortSignal,
  ): Promise<void> {
    const hash = new RunningDigest(algorithmOf(digest))
    let location = first
    let sent = 0
    let last = new Uint8Array(0)
    for await (const piece of inPieces(chunks(), Math.min(this.#pieceBytes, size + 1))) {
      if (sent + piece.length > size) throw damaged(digest, `more than the ${size} bytes`)
      hash.update(piece)
      if (size <= this.#pieceBytes && sent === 0 && piece.length === size) last = piece
      else {
        const range = `${sent}-${sent + piece.length - 1}`
        const headers = { ...BINARY, 'content-range': range }
        const answer = await this.#ask({ method: 'PATCH', repository, path: location, headers, body: piece, signal }, [202, 204])
        location = this.#locationIn(answer, location)
      }
      sent += piece.length
    }
    if (sent !== size) throw damaged(digest, `${sent} of the ${size} bytes`)
    if (hash.digest() !== digest) throw damaged(digest, 'other bytes than those')
    const path = new URL(`${location.href}${location.search === '' ? '?' : '&'}digest=${digest}`)
    await this.#ask({ method: 'PUT', repository, path, headers: BINARY, body: last, signal }, [201, 204])
  }

  async #ask(asked: Asked, wanted: readonly number[]): Promise<Answer> {
    const answer = await this.#session.ask(asked)
    if (wanted.includes(answer.status)) {
      answer.discard()
      return answer
    }
    throw await this.#refusal(answer)
  }

  /** With what the registry says of it, which tells a person more than the status. */
  async #refusal(answer: Answer): Promise<UpstreamFailure> {
    const failure = refusal(this.asked, answer)
    const said = messageIn(await answer.bytes(MOST_REFUSAL_BYTES).catch(() => new Uint8Array(0)))
    if (said === undefined) return failure
    const { code, status, mayPass } = failure
    return new UpstreamFailure(code, {
      message: `${this.asked} answered ${answer.status}: ${said}`,
      mayPass,
      ...(status === undefined ? {} : { status }),
    })
  }

  /** Never from HTTPS to plain HTTP. */
  #locationIn({ headers, url }: Answer, previous?: URL): URL {
    const text = headers.get('location') ?? previous?.href ?? ''
    if (text === '' || !URL.canParse(text, url.href)) throw wrongAnswer(this.asked, 'does not say where the upload goes on')
    const location = new URL(text, url)
    if (location.protocol === url.protocol || location.protocol === 'https:') return location
    throw wrongAnswer(this.asked, `sends the upload on to ${location.origin}, which is not ${url.protocol}//`)
  }
}

export interface ManifestToPush {
  readonly reference: Reference
  readonly digest: Digest
  readonly mediaType: string
  readonly bytes: Uint8Array
}

const MOST_REFUSAL_BYTES = 64 * 1024
const MOST_SAID = 500

/** The first sentence of an answer in the form of distribution-spec "Error Codes". */
function messageIn(bytes: Uint8Array): string | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    const errors = typeof value === 'object' && value !== null && 'errors' in value ? value.errors : undefined
    const first: unknown = Array.isArray(errors) ? errors[0] : undefined
    const message = typeof first === 'object' && first !== null && 'message' in first ? first.message : undefined
    return typeof message === 'string' && message !== '' ? message.replace(/\p{Cc}/gu, ' ').slice(0, MOST_SAID) : undefined
  } catch {
    return undefined
  }
}

function damaged(digest: Digest, has: string): UpstreamFailure {
  return new UpstreamFailure('DIGEST_INVALID', {
    message: `The blob ${digest} is damaged where it comes from: it has ${has} that its name says.`,
  })
}
