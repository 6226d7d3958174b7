import { appendFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { PreparedBlob } from '../load/connection.ts'
import { MANIFEST_TYPE } from './layout-store.ts'

/** A manifest that an upstream has, whatever its blobs are. */
export interface UpstreamManifest {
  readonly tag: string
  readonly text: string
}

/**
 * A registry that others mirror: the kernel sends its blobs, which costs a small part of what a mirror does. It counts the fetches of each blob, and
 * knows when the first of its bytes left.
 */
export class BenchUpstream {
  readonly #folder: string
  readonly #server: Bun.Server<undefined>
  readonly #manifests = new Map<string, string>()
  readonly #fetches = new Map<string, number>()
  readonly #firstSentAtMs = new Map<string, number>()
  #held: Promise<void> | undefined

  private constructor(folder: string) {
    this.#folder = folder
    this.#server = Bun.serve({ port: 0, hostname: '127.0.0.1', idleTimeout: 255, fetch: (request) => this.#answer(request) })
  }

  static start(folder: string): BenchUpstream {
    return new BenchUpstream(folder)
  }

  get url(): string {
    return this.#server.url.origin
  }

  fetchesOf({ digest }: PreparedBlob): number {
    return this.#fetches.get(digest) ?? 0
  }

  /** Answers no GET of a blob before what this gives is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#held = promise
    return resolve
  }

  /** Milliseconds since 1970. */
  firstSentAtMs({ digest }: PreparedBlob): number {
    return this.#firstSentAtMs.get(digest) ?? Number.NaN
  }

  addManifest({ tag, text }: UpstreamManifest): void {
    this.#manifests.set(tag, text)
    this.#manifests.set(digestOf(text), text)
  }

  /** As one file, which the kernel sends by itself. */
  async addBlob({ digest, size, file, end }: PreparedBlob): Promise<void> {
    const last = Buffer.from(end, 'base64')
    await Bun.write(this.#pathOf(digest), Bun.file(file).slice(0, size - last.length))
    await appendFile(this.#pathOf(digest), last)
  }

  async removeBlob({ digest }: PreparedBlob): Promise<void> {
    await rm(this.#pathOf(digest), { force: true })
  }

  async stop(): Promise<void> {
    await this.#server.stop(true)
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url)
    const [, kind, last = ''] = /\/(manifests|blobs)\/([^/]+)$/.exec(pathname) ?? []
    if (kind === 'manifests') return this.#manifest(request, last)
    if (kind === undefined) return new Response('{}', { status: pathname === '/v2/' ? 200 : 404 })
    const file = Bun.file(this.#pathOf(last))
    if (!(await file.exists())) return new Response(null, { status: 404 })
    const headers = { 'docker-content-digest': last, 'content-type': 'application/octet-stream' }
    if (request.method === 'HEAD') return new Response(null, { headers: { ...headers, 'content-length': String(file.size) } })
    this.#fetches.set(last, (this.#fetches.get(last) ?? 0) + 1)
    await this.#held
    if (!this.#firstSentAtMs.has(last)) this.#firstSentAtMs.set(last, performance.timeOrigin + performance.now())
    return new Response(file, { headers })
  }

  #manifest({ method, headers: asked }: Request, reference: string): Response {
    const text = this.#manifests.get(reference)
    if (text === undefined) return new Response(null, { status: 404 })
    const digest = digestOf(text)
    const headers = { 'docker-content-digest': digest, 'content-type': MANIFEST_TYPE, etag: `"${digest}"` }
    if (asked.get('if-none-match') === `"${digest}"`) return new Response(null, { status: 304, headers })
    const length = { 'content-length': String(Buffer.byteLength(text)) }
    return new Response(method === 'HEAD' ? null : text, { headers: { ...headers, ...length } })
  }

  #pathOf(digest: string): string {
    return join(this.#folder, `upstream-${digest.replace(':', '-')}`)
  }
}

function digestOf(text: string): string {
  return `sha256:${new Bun.CryptoHasher('sha256').update(text).digest('hex')}`
}
