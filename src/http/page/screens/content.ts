import type { Digest } from '../../../oci/digest.ts'
import { MAX_CONFIG_BYTES } from '../../../oci/image/image-config.ts'
import { manifestUnknown } from '../../../oci/unknown.ts'
import type { PlainResponse } from '../../answer/responses.ts'
import type { Call } from '../../call.ts'
import { guardsOf } from '../document.ts'
import type { ContentPage } from '../page-routes.ts'
import { readShownManifest } from '../shown-manifest.ts'
import { siteOf } from '../site-of.ts'

/** A manifest or its config, byte for byte, as text: nothing in it can be anything else to a browser. */
export async function showContent(call: Call<ContentPage>): Promise<PlainResponse> {
  const { body, size } = await (call.route.part === 'manifest' ? manifestOf(call) : configOf(call))
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

/** Only a config: this is no way to the layers. */
async function configOf({ registry, route }: Call<ContentPage>): Promise<Content> {
  const { repository, reference } = route
  const digest = await configDigest(registry.manifests, route)
  const blob = digest === undefined ? undefined : await registry.blobs.get(repository, digest, { withBytes: true })
  if (blob === undefined || blob.size > MAX_CONFIG_BYTES) throw manifestUnknown(reference)
  const bytes = blob.size === 0 ? new Uint8Array() : await new Response(await registry.blobs.content(blob)).bytes()
  return { body: bytes, size: blob.size }
}

async function configDigest(
  manifests: Call<ContentPage>['registry']['manifests'],
  { repository, reference }: ContentPage,
): Promise<Digest | undefined> {
  const manifest = await readShownManifest(manifests, repository, reference)
  return manifest?.references.find(({ role }) => role === 'config')?.descriptor.digest
}
