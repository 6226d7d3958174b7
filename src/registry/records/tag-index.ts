import { DIGEST_ALGORITHMS, type Digest, findDigest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import { type StorageDriver, storagePath } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'

/** The digests to which a tag has ever pointed, as registry:2 keeps them with the tag. One request to an object store for each algorithm. */
export async function listTagIndex(
  storage: Pick<StorageDriver, 'list'>,
  repository: RepositoryName,
  tag: Tag,
): Promise<readonly Digest[]> {
  const digests: Digest[] = []
  for (const algorithm of DIGEST_ALGORITHMS)
    for (const hex of await storage.list(storagePath(layout.tag(repository, tag), 'index', algorithm))) {
      const digest = findDigest(`${algorithm}:${hex}`)
      if (digest !== undefined) digests.push(digest)
    }
  return digests
}
