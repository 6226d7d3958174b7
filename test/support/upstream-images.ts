import type { IncomingMessage, ServerResponse } from 'node:http'
import { type FakeAnswer, notFound, sendBlob } from './fake-upstream.ts'
import { blobsOf, type Image } from './images.ts'

export interface UpstreamImagesOptions {
  /** An Authorization header, without which nothing is given. */
  readonly authorization?: string
  /** Left out, latest. */
  readonly tag?: string
}

/** What a registry answers that has these images with one tag, by the names of their repositories. */
export function serveImages(
  images: Readonly<Record<string, Image>>,
  { authorization, tag = 'latest' }: UpstreamImagesOptions = {},
): FakeAnswer {
  return (request, response) => {
    if (authorization !== undefined && request.headers.authorization !== authorization)
      return void response.writeHead(401, { 'www-authenticate': 'Basic realm="upstream"' }).end()
    const [, repository = '', kind, last = ''] = /^\/v2\/(.+)\/(manifests|blobs|tags)\/([^?]+)/.exec(request.url ?? '') ?? []
    const image = images[repository]
    if (image === undefined) return notFound(request, response)
    if (kind === 'tags') return void response.end(JSON.stringify({ name: repository, tags: [tag] }))
    if (kind === 'manifests')
      return sendManifest(request, response, { image, isMeant: last === tag || last === image.manifest.digest })
    const blob = blobsOf(image).find(({ digest }) => digest === last)
    return blob === undefined ? notFound(request, response) : sendBlob(request, response, blob.bytes)
  }
}

function sendManifest(
  request: IncomingMessage,
  response: ServerResponse,
  { image: { manifest }, isMeant }: { readonly image: Image; readonly isMeant: boolean },
): void {
  const { digest, mediaType, bytes } = manifest
  if (!isMeant) notFound(request, response)
  else if (request.headers['if-none-match'] === `"${digest}"`) response.writeHead(304).end()
  else {
    response.writeHead(200, { 'docker-content-digest': digest, 'content-type': mediaType, 'content-length': bytes.length })
    response.end(request.method === 'HEAD' ? undefined : bytes)
  }
}

/** Images by their tags, by the names of their repositories; it may change. */
export type UpstreamContent = Record<string, Record<string, Image>>

/** What a registry answers that has these, with a list of its repositories, and with no API of referrers. */
export function serveRegistry(content: UpstreamContent): FakeAnswer {
  return (request, response) => {
    const { url = '' } = request
    if (url.startsWith('/v2/_catalog')) return void response.end(JSON.stringify({ repositories: Object.keys(content) }))
    const [, repository = '', kind, last = ''] = /^\/v2\/(.+)\/(manifests|blobs|tags)\/([^?]+)/.exec(url) ?? []
    const tags = content[repository]
    if (tags === undefined) return notFound(request, response)
    if (kind === 'tags') return void response.end(JSON.stringify({ name: repository, tags: Object.keys(tags) }))
    const images = Object.values(tags)
    if (kind === 'manifests') {
      const image = tags[last] ?? images.find(({ manifest }) => manifest.digest === last)
      return image === undefined ? notFound(request, response) : sendManifest(request, response, { image, isMeant: true })
    }
    const blob = images.flatMap(blobsOf).find(({ digest }) => digest === last)
    return blob === undefined ? notFound(request, response) : sendBlob(request, response, blob.bytes)
  }
}
