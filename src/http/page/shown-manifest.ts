import type { Digest } from '../../oci/digest.ts'
import { type Manifest, parseStoredManifest } from '../../oci/manifest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { PulledManifests } from '../call.ts'

/** A larger one is shown as it is alone: to parse it would hold up other requests. */
const MAX_BYTES = 256 * 1024

/** A manifest of a repository, parsed; undefined for one that is too large, or that no registry of today would take. Throws MANIFEST_UNKNOWN. */
export async function readShownManifest(
  manifests: PulledManifests,
  repository: RepositoryName,
  digest: Digest,
): Promise<Manifest | undefined> {
  const { manifest, content } = await manifests.read(repository, digest)
  if (manifest.size <= MAX_BYTES) return parseStoredManifest(await new Response(content).bytes())
  if (content instanceof ReadableStream) await content.cancel()
  return undefined
}
