import type { Descriptor } from '../../../../oci/descriptor.ts'
import type { Manifest } from '../../../../oci/manifest.ts'
import { manifestUnknown } from '../../../../oci/unknown.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import type { Call } from '../../../call.ts'
import { guardsOf } from '../../document.ts'
import type { ContentPage } from '../../page-routes.ts'
import { readShownManifest } from '../../shown-manifest.ts'
import { siteOf } from '../../site-of.ts'

/** A larger one is fetched with a client. */
const MAX_TEXT_BYTES = 4 * 1024 * 1024
const READABLE = /(?:^text\/|[+/](?:json|xml|yaml|spdx)$|\.json$)/

/** Whether a file of an artifact is shown as text: an SBOM, a signature. No layer of an image is. */
export function isReadable({ mediaType, size }: Pick<Descriptor, 'mediaType' | 'size'>): boolean {
  return size <= MAX_TEXT_BYTES && READABLE.test(mediaType)
}

/** A manifest, its config, or a text that it names, byte for byte, as text: nothing in it can be anything else to a browser. */
export async function showContent(call: Call<ContentPage>): Promise<PlainResponse> {
  const { part } = call.route
  const { body, size } = await (part === 'manifest' ? manifestOf(call) : blobOf(call, part))
  return {
    status: 200,
    headers: {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': String(size),
      'Content-Disposition': 'inline',
      'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
      ...guardsOf(siteOf(call)),
    },
    body,
  }
}

interface Content {
  readonly body: PlainResponse['body']
  readonly size: number
}

async function manifestOf({ registry, route, request }: Call<ContentPage>): Promise<Content> {
  const { manifest, content } = await registry.manifests.read(route.repository, route.reference)
  const isHead = request.method === 'HEAD'
  if (isHead && content instanceof ReadableStream) await content.cancel()
  return { body: isHead ? null : content, size: manifest.size }
}

/** Only a config, or a text: this is no way to the layers of images. */
async function blobOf({ registry, route }: Call<ContentPage>, part: Exclude<ContentPage['part'], 'manifest'>): Promise<Content> {
  const { repository, reference } = route
  const manifest = await readShownManifest(registry.manifests, repository, reference)
  const named = manifest === undefined ? undefined : descriptorOf(manifest, part)
  const blob = named && (await registry.blobs.get(repository, named.digest, { withBytes: true }))
  if (blob === undefined || blob.size > MAX_TEXT_BYTES) throw manifestUnknown(reference)
  const bytes = blob.size === 0 ? new Uint8Array() : await new Response(await registry.blobs.content(blob)).bytes()
  return { body: bytes, size: blob.size }
}

function descriptorOf({ references }: Manifest, part: 'config' | number): Descriptor | undefined {
  if (part === 'config') return references.find(({ role }) => role === 'config')?.descriptor
  const layer = references.filter(({ role }) => role === 'layer').at(part)?.descriptor
  return layer !== undefined && isReadable(layer) ? layer : undefined
}
