import { appendFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../../test/support/free-port.ts'
import { type BackgroundProgram, environmentIn, runToSuccess } from '../../test/support/processes.ts'
import { startNginx } from '../../test/support/proxies.ts'
import { TemporaryFolder } from '../../test/support/temporary-folder.ts'
import { atEnd } from '../leftovers.ts'
import type { PreparedBlob } from '../load/connection.ts'
import { MANIFEST_TYPE } from './layout-store.ts'

/** A manifest that an upstream has, whatever its blobs are. */
export interface UpstreamManifest {
  readonly tag: string
  readonly text: string
}

/**
 * A registry that others mirror. nginx has the kernel send its blobs, which costs a small part of what a mirror does. Before it answers a request for a
 * blob, it asks here: so the fetches of each blob are counted, and it is known when nginx may send the first of its bytes.
 */
export class BenchUpstream implements AsyncDisposable {
  readonly url: string
  readonly #blobs: string
  readonly #questions: Questions
  readonly #nginx: BackgroundProgram
  readonly #folder: TemporaryFolder
  readonly #hasEnded: () => void

  private constructor(blobs: string, { url, questions, nginx, folder }: Started) {
    this.url = url
    this.#blobs = blobs
    this.#questions = questions
    this.#nginx = nginx
    this.#folder = folder
    this.#hasEnded = atEnd(() => this[Symbol.asyncDispose]())
  }

  /** `blobs`: the folder for its blobs. */
  static async start(blobs: string): Promise<BenchUpstream> {
    const folder = new TemporaryFolder()
    const questions = new Questions()
    const port = await freePort()
    const environment = environmentIn(folder.join('home'))
    const machine = { environment, words: [], run: (...words: string[]) => runToSuccess(words, { environment }) }
    try {
      const nginx = await startNginx(folder, machine, 'upstream', siteOf(port, blobs, questions.url))
      return new BenchUpstream(blobs, { url: `http://127.0.0.1:${port}`, questions, nginx, folder })
    } catch (error) {
      await questions.stop()
      folder[Symbol.dispose]()
      throw error
    }
  }

  fetchesOf({ digest }: PreparedBlob): number {
    return this.#questions.fetchesOf(digest)
  }

  /** Answers no GET of a blob before what this gives is called. */
  hold(): () => void {
    return this.#questions.hold()
  }

  /** When nginx was told to answer the first GET: milliseconds since 1970. */
  firstAnsweredAtMs({ digest }: PreparedBlob): number {
    return this.#questions.firstAnsweredAtMs(digest)
  }

  addManifest(manifest: UpstreamManifest): void {
    this.#questions.addManifest(manifest)
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

  async [Symbol.asyncDispose](): Promise<void> {
    this.#hasEnded()
    await this.#nginx.stop()
    await this.#questions.stop()
    this.#folder[Symbol.dispose]()
  }

  #pathOf(digest: string): string {
    return join(this.#blobs, `upstream-${digest.replace(':', '-')}`)
  }
}

interface Started {
  readonly url: string
  readonly questions: Questions
  readonly nginx: BackgroundProgram
  readonly folder: TemporaryFolder
}

/** Blobs are files of nginx's; everything else comes from `questions`. */
function siteOf(port: number, blobs: string, questions: string): string {
  return `
server {
    listen 127.0.0.1:${port};
    sendfile on;
    keepalive_timeout 255s;

    location / {
        proxy_pass ${questions};
    }

    location ~ ^/v2/.+/blobs/sha256:(?<hex>[0-9a-f]+)$ {
        auth_request /may-answer;
        add_header Docker-Content-Digest sha256:$hex;
        default_type application/octet-stream;
        alias ${blobs}/upstream-sha256-$hex;
    }

    location = /may-answer {
        internal;
        proxy_pass ${questions};
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
        proxy_set_header X-Blob-Method $request_method;
        proxy_set_header X-Blob-Digest sha256:$hex;
        proxy_read_timeout 255s;
    }
}`
}

/** What nginx asks: whether it may answer a request for a blob, which it may at once unless blobs are held; and for manifests. */
class Questions {
  readonly #server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 255,
    fetch: (request) => this.#answer(request),
  })
  readonly #manifests = new Map<string, string>()
  readonly #fetches = new Map<string, number>()
  readonly #firstAnsweredAtMs = new Map<string, number>()
  #held: Promise<void> | undefined

  get url(): string {
    return this.#server.url.origin
  }

  fetchesOf(digest: string): number {
    return this.#fetches.get(digest) ?? 0
  }

  firstAnsweredAtMs(digest: string): number {
    return this.#firstAnsweredAtMs.get(digest) ?? Number.NaN
  }

  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#held = promise
    return resolve
  }

  addManifest({ tag, text }: UpstreamManifest): void {
    this.#manifests.set(tag, text)
    this.#manifests.set(digestOf(text), text)
  }

  async stop(): Promise<void> {
    await this.#server.stop(true)
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url)
    if (pathname === '/may-answer') return await this.#mayAnswer(request)
    const reference = /\/manifests\/([^/]+)$/.exec(pathname)?.[1]
    if (reference !== undefined) return this.#manifest(request, reference)
    return new Response('{}', { status: pathname === '/v2/' ? 200 : 404 })
  }

  async #mayAnswer({ headers }: Request): Promise<Response> {
    const digest = headers.get('x-blob-digest') ?? ''
    if (headers.get('x-blob-method') !== 'GET') return new Response()
    this.#fetches.set(digest, this.fetchesOf(digest) + 1)
    await this.#held
    if (!this.#firstAnsweredAtMs.has(digest)) this.#firstAnsweredAtMs.set(digest, performance.timeOrigin + performance.now())
    return new Response()
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
}

function digestOf(text: string): string {
  return `sha256:${new Bun.CryptoHasher('sha256').update(text).digest('hex')}`
}
