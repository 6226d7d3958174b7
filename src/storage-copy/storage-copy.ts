import { findDigest } from '../oci/digest.ts'
import { layout } from '../storage/layout.ts'
import { walkRepositories } from '../storage/layout-walk.ts'
import { BlobCopy, type CopyOptions } from './blob-copy.ts'
import { copyRecords } from './record-copy.ts'
import { RepositoryCopy } from './repository-copy.ts'
import { sideBySide } from './side-by-side.ts'

const BLOBS_AT_ONCE = 8
const REPOSITORIES_AT_ONCE = 4

/**
 * Copies what a source has and the target lacks. At every moment the target is a registry whose links have their bytes: blobs come
 * first, then the links of each repository, its tags last. The source may serve meanwhile; the target must not. What a run has done
 * the next one finds and leaves, so it goes on where the last one ended. Nothing is removed from the target.
 */
export async function copyStorage(options: CopyOptions): Promise<void> {
  const { source, progress } = options
  const blobs = new BlobCopy(options)
  progress.phase = 'blobs'
  const shards = layout.blobShards()
  for (const [index, { path, digestPrefix }] of shards.entries()) {
    progress.part = index / shards.length
    const algorithm = digestPrefix.slice(0, digestPrefix.indexOf(':'))
    const digests = (await source.list(path)).flatMap((hex) => findDigest(`${algorithm}:${hex}`) ?? [])
    await sideBySide(BLOBS_AT_ONCE, digests, async (digest) => void (await blobs.ensure(digest)))
  }
  await copyRecords(options)
  progress.phase = 'repositories'
  const repositories = await Array.fromAsync(walkRepositories(source))
  const links = new RepositoryCopy(options, blobs)
  let begun = 0
  await sideBySide(REPOSITORIES_AT_ONCE, repositories, async (repository) => {
    progress.part = begun / repositories.length
    begun += 1
    await links.copy(repository)
  })
  progress.phase = 'done'
  progress.part = 1
}
