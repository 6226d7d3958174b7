import { type Content, contentOf, descriptorOf, jsonContent } from './images.ts'
import type { TestRegistry } from './registry.ts'

export const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json'
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
export const DOCKER_IMAGE = 'application/vnd.docker.distribution.manifest.v2+json'
export const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json'
export const EMPTY_CONFIG = contentOf('application/vnd.oci.empty.v1+json', Buffer.from('{}'))
export const MISSING = contentOf('application/octet-stream', Buffer.from('never pushed'))

/** An artifact: an image manifest whose config is empty. */
export function artifact(fields: Record<string, unknown> = {}): Content {
  return jsonContent(OCI_IMAGE, {
    schemaVersion: 2,
    mediaType: OCI_IMAGE,
    artifactType: 'application/vnd.example.sbom',
    config: descriptorOf(EMPTY_CONFIG),
    layers: [descriptorOf(EMPTY_CONFIG)],
    ...fields,
  })
}

export async function repositoryWithConfig(registry: TestRegistry): Promise<string> {
  const repository = registry.newRepository()
  await registry.pushBlob(repository, EMPTY_CONFIG)
  return repository
}

export async function putManifest(
  registry: TestRegistry,
  path: string,
  body: string | Uint8Array,
  contentType: string | undefined,
): Promise<Response> {
  const headers: Record<string, string> = contentType === undefined ? {} : { 'Content-Type': contentType }
  return await registry.request('PUT', path, { headers, body: typeof body === 'string' ? Buffer.from(body) : body.slice() })
}
