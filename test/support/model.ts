import { sha256, sha512 } from './images.ts'
import type { ModelManifest } from './model-content.ts'

/** What an answer must be. Headers that are undefined must be absent; those that are not named may be anything. */
export interface Expected {
  readonly status: number
  /** Of an error. */
  readonly code?: string
  readonly headers?: Readonly<Record<string, string | undefined>>
  /** Bytes, or JSON. */
  readonly body?: Uint8Array | object
}

interface ModelRepository {
  readonly blobs: Map<string, Uint8Array>
  readonly manifests: Map<string, ModelManifest>
  readonly tags: Map<string, string>
}

export interface ModelUpload {
  readonly repository: string
  bytes: Uint8Array
}

/** A chunk of an upload. */
export interface ModelChunk {
  readonly bytes: Uint8Array
  /** The positions that its Content-Range names. */
  readonly range: { readonly first: number; readonly last: number } | undefined
  /** Whether it has a Content-Length. */
  readonly isCounted: boolean
}

/** A chunk was refused after some of its bytes may have been taken: the status of the upload tells how many. */
export const PARTLY = { status: 400, code: 'SIZE_INVALID' } as const

/** A registry in the plainest words: maps of what each repository has. */
export class RegistryModel {
  readonly repositories = new Map<string, ModelRepository>()
  readonly uploads = new Map<string, ModelUpload>()

  // Blobs

  getBlob(repository: string, digest: string): Expected {
    const bytes = this.#find(repository)?.blobs.get(digest)
    if (bytes === undefined) return error(404, 'BLOB_UNKNOWN')
    return {
      status: 200,
      headers: { ...contentHeaders(digest), 'Content-Length': `${bytes.length}`, 'Accept-Ranges': 'bytes' },
      body: bytes,
    }
  }

  getBlobPart(
    repository: string,
    digest: string,
    { first, last }: { first: number | undefined; last: number | undefined },
  ): Expected {
    const whole = this.getBlob(repository, digest)
    const bytes = this.#find(repository)?.blobs.get(digest)
    if (bytes === undefined || bytes.length === 0) return whole
    const start = first ?? Math.max(0, bytes.length - (last ?? 0))
    const end = first === undefined ? bytes.length : Math.min(bytes.length, (last ?? bytes.length) + 1)
    if (start >= end) return error(416, 'RANGE_INVALID', { 'Content-Range': `bytes */${bytes.length}` })
    const headers = { 'Content-Range': `bytes ${start}-${end - 1}/${bytes.length}`, 'Content-Length': `${end - start}` }
    return { status: 206, headers, body: bytes.slice(start, end) }
  }

  deleteBlob(repository: string, digest: string): Expected {
    const { blobs, manifests } = this.#find(repository) ?? {}
    if (blobs?.has(digest) !== true) return error(404, 'BLOB_UNKNOWN')
    if ([...(manifests?.values() ?? [])].some(({ named }) => named.includes(digest))) return error(405, 'DENIED')
    blobs.delete(digest)
    return { status: 202 }
  }

  hasBlob(repository: string, digest: string): boolean {
    return this.#find(repository)?.blobs.has(digest) === true
  }

  /** True when some repository has it: an anonymous mount may find it, or not. */
  hasBlobAnywhere(digest: string): boolean {
    return [...this.repositories.keys()].some((repository) => this.hasBlob(repository, digest))
  }

  /** What a mount, a push in one request or the close of an upload lead to. */
  addBlob(repository: string, digest: string, bytes: Uint8Array): Expected {
    this.#get(repository).blobs.set(digest, bytes)
    return { status: 201, headers: { Location: `/v2/${repository}/blobs/${digest}`, 'Docker-Content-Digest': digest } }
  }

  mount(repository: string, digest: string, from: string): Expected {
    const bytes = this.#find(from)?.blobs.get(digest)
    return bytes === undefined ? { status: 202 } : this.addBlob(repository, digest, bytes)
  }

  pushBlob(repository: string, digest: string, bytes: Uint8Array): Expected {
    return isDigestOf(digest, bytes) ? this.addBlob(repository, digest, bytes) : error(400, 'DIGEST_INVALID')
  }

  // Uploads

  status(repository: string, id: string): Expected {
    const upload = this.#findUpload(repository, id)
    return upload === undefined ? error(404, 'BLOB_UPLOAD_UNKNOWN') : { status: 204, headers: this.uploadHeaders(id, upload) }
  }

  patch(repository: string, id: string, chunk: ModelChunk): Expected {
    return (
      this.#takeChunk(repository, id, chunk) ?? { status: 202, headers: this.uploadHeaders(id, this.#findUpload(repository, id)) }
    )
  }

  close(repository: string, id: string, digest: string, chunk: ModelChunk): Expected {
    const refused = this.#takeChunk(repository, id, chunk)
    const upload = this.#findUpload(repository, id)
    if (refused !== undefined || upload === undefined) return refused ?? error(404, 'BLOB_UPLOAD_UNKNOWN')
    this.uploads.delete(id)
    return this.pushBlob(repository, digest, upload.bytes)
  }

  cancel(repository: string, id: string): Expected {
    if (this.#findUpload(repository, id) === undefined) return error(404, 'BLOB_UPLOAD_UNKNOWN')
    this.uploads.delete(id)
    return { status: 204 }
  }

  uploadHeaders(id: string, upload = this.uploads.get(id)): Record<string, string> {
    const { repository = '', bytes = new Uint8Array() } = upload ?? {}
    const headers = { Location: `/v2/${repository}/blobs/uploads/${id}`, Range: `0-${Math.max(0, bytes.length - 1)}` }
    return { ...headers, 'Docker-Upload-UUID': id }
  }

  // Manifests

  getManifest(repository: string, reference: string): Expected {
    const digest = this.#find(repository)?.tags.get(reference) ?? reference
    const manifest = this.#find(repository)?.manifests.get(digest)
    if (manifest === undefined) return error(404, 'MANIFEST_UNKNOWN')
    const { bytes, mediaType } = manifest
    const headers = { ...contentHeaders(digest), 'Content-Type': mediaType, 'Content-Length': `${bytes.length}` }
    return { status: 200, headers, body: bytes }
  }

  /** A manifest whose bytes, type and digest are right. */
  putManifest(repository: string, digest: string, manifest: ModelManifest, tags: readonly string[]): Expected {
    const { blobs, manifests } = this.#find(repository) ?? { blobs: new Map(), manifests: new Map() }
    const isThere = (named: string) => blobs.has(named) || (manifest.children.includes(named) && manifests.has(named))
    if (!manifest.required.every(isThere)) return error(400, 'MANIFEST_BLOB_UNKNOWN')
    const target = this.#get(repository)
    target.manifests.set(digest, manifest)
    for (const tag of tags) target.tags.set(tag, digest)
    const location = { Location: `/v2/${repository}/manifests/${digest}`, 'Docker-Content-Digest': digest }
    return { status: 201, headers: { ...location, 'OCI-Subject': manifest.subject } }
  }

  deleteManifest(repository: string, reference: string): Expected {
    const target = this.#find(repository)
    if (target?.tags.delete(reference) === true) return { status: 202 }
    if (target?.manifests.has(reference) !== true) return error(404, 'MANIFEST_UNKNOWN')
    if ([...target.manifests.values()].some(({ children }) => children.includes(reference))) return error(405, 'DENIED')
    target.manifests.delete(reference)
    for (const [tag, digest] of target.tags) if (digest === reference) target.tags.delete(tag)
    return { status: 202 }
  }

  // Lists, whole; pages are cut from them by those who ask for pages.

  /** The digests of the blobs that a repository has. */
  listBlobs(repository: string): readonly string[] {
    return inByteOrder([...(this.#find(repository)?.blobs.keys() ?? [])])
  }

  /** The digests of the manifests that a repository holds. */
  listManifests(repository: string): readonly string[] {
    return inByteOrder([...(this.#find(repository)?.manifests.keys() ?? [])])
  }

  /** Undefined for a repository that holds no manifest: it does not exist. */
  listTags(repository: string): readonly string[] | undefined {
    const found = this.#find(repository)
    return found === undefined || found.manifests.size === 0 ? undefined : inByteOrder([...found.tags.keys()])
  }

  listRepositories(): readonly string[] {
    return inByteOrder([...this.repositories.keys()].filter((repository) => this.listTags(repository) !== undefined))
  }

  listReferrers(repository: string, subject: string, artifactType: string | undefined): readonly object[] {
    const manifests = [...(this.#find(repository)?.manifests ?? [])]
    const referring = manifests.filter(
      ([, manifest]) => manifest.subject === subject && (artifactType ?? manifest.artifactType) === manifest.artifactType,
    )
    const inOrder = inByteOrder(referring.map(([digest]) => digest))
    return inOrder.map((digest) => {
      const { mediaType, bytes, artifactType: type, annotations } = this.#get(repository).manifests.get(digest) ?? failed(digest)
      return {
        mediaType,
        size: bytes.length,
        digest,
        ...(type === undefined ? {} : { artifactType: type }),
        ...(annotations === undefined ? {} : { annotations }),
      }
    })
  }

  /** Takes the bytes of a chunk; gives the refusal when it does not. */
  #takeChunk(repository: string, id: string, { bytes, range, isCounted }: ModelChunk): Expected | undefined {
    if (range !== undefined && range.last < range.first) return error(416, 'RANGE_INVALID')
    const isWrongLength = range !== undefined && range.last - range.first + 1 !== bytes.length
    if (isWrongLength && isCounted) return error(400, 'SIZE_INVALID')
    const upload = this.#findUpload(repository, id)
    if (upload === undefined) return error(404, 'BLOB_UPLOAD_UNKNOWN')
    if (range !== undefined && range.first !== upload.bytes.length)
      return error(416, 'RANGE_INVALID', this.uploadHeaders(id, upload))
    if (isWrongLength) return PARTLY
    upload.bytes = Buffer.concat([upload.bytes, bytes])
    return undefined
  }

  #findUpload(repository: string, id: string): ModelUpload | undefined {
    const upload = this.uploads.get(id)
    return upload?.repository === repository ? upload : undefined
  }

  #find(repository: string): ModelRepository | undefined {
    return this.repositories.get(repository)
  }

  #get(repository: string): ModelRepository {
    const found = this.#find(repository) ?? { blobs: new Map(), manifests: new Map(), tags: new Map() }
    this.repositories.set(repository, found)
    return found
  }
}

export function error(status: number, code: string, headers: Readonly<Record<string, string>> = {}): Expected {
  return { status, code, headers }
}

export function isDigestOf(digest: string, bytes: Uint8Array): boolean {
  return digest === (digest.startsWith('sha512:') ? sha512 : sha256)(bytes)
}

export function inByteOrder(texts: readonly string[]): readonly string[] {
  return [...texts].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)))
}

function contentHeaders(digest: string) {
  return { 'Docker-Content-Digest': digest, ETag: `"${digest}"` }
}

function failed(what: string): never {
  throw new Error(`the model lost ${what}`)
}
