import type { Digest } from '../../../oci/digest.ts'
import type { RepositoryName } from '../../../oci/name.ts'
import type { Reference } from '../../../oci/reference.ts'
import type { ToldImage } from '../../../registry/inside/inside-images.ts'
import type { Registry } from '../../../registry/registry.ts'

const MOST_LISTED = 100
/** Manifests that are looked into for what they attest. */
const MOST_READ = 20

/** A list of packages that the builder of an image, or a scanner, attached to it. */
export interface AttachedSbom {
  readonly reference: Reference
  /** Its media type, or the type of what it attests. */
  readonly type: string
  readonly by: 'subject' | 'tag' | 'image index'
}

interface Asked extends Pick<Registry, 'shown'> {
  readonly catalog: Pick<Registry['catalog'], 'listReferrers'>
}

/** Those attached to an image: by their subject, by the name of a tag (cosign), and beside it in its image index (BuildKit). */
export async function attachedSboms(
  { catalog, shown }: Asked,
  repository: RepositoryName,
  { digest, attestations }: Pick<ToldImage, 'digest' | 'attestations'>,
): Promise<readonly AttachedSbom[]> {
  const page = { last: undefined, limit: MOST_LISTED }
  const { entries } = await catalog.listReferrers(repository, digest, { artifactType: undefined }, page)
  const tags = await shown.tags.attachedTo(repository, digest, MOST_LISTED)
  const found: AttachedSbom[] = []
  let left = MOST_READ
  for (const { digest: reference, artifactType = '' } of entries) {
    const isRead = !isSbom(artifactType)
    if (isRead && left-- <= 0) continue
    const type = isRead ? await attestedBy(shown, reference) : artifactType
    if (type !== undefined) found.push({ reference, type, by: 'subject' })
  }
  for (const reference of tags) if (reference.endsWith('.sbom')) found.push({ reference, type: 'cosign', by: 'tag' })
  for (const reference of attestations.slice(0, MOST_READ)) {
    const type = await attestedBy(shown, reference)
    if (type !== undefined) found.push({ reference, type, by: 'image index' })
  }
  return found
}

async function attestedBy({ contents }: Asked['shown'], digest: Digest): Promise<string | undefined> {
  return (await contents.of(digest))?.attested.find(isSbom)
}

function isSbom(type: string): boolean {
  return /spdx|cyclonedx|syft|sbom/i.test(type)
}
