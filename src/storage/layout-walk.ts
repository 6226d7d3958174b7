import { DIGEST_ALGORITHMS, type Digest, type DigestAlgorithm, findDigest } from '../oci/digest.ts'
import { findRepositoryName, type RepositoryName } from '../oci/name.ts'
import { type StorageDriver, type StoragePath, storagePath } from './driver.ts'
import { layout } from './layout.ts'

/** What registry:2 keeps in the directory of a repository; `_uploads` may be there alone. */
const OF_A_REPOSITORY: ReadonlySet<string> = new Set(['_manifests', '_layers', '_uploads'])

/** The name of every repository that has a directory. What is no name is passed over. */
export async function* walkRepositories(storage: StorageDriver): AsyncGenerator<RepositoryName> {
  yield* namesBelow(storage, layout.repositories, '')
}

/** The digests that name directories below `_layers`, `revisions` or the `index` of a tag. */
export async function listDigests(
  storage: StorageDriver,
  path: StoragePath,
  algorithms: readonly DigestAlgorithm[] = DIGEST_ALGORITHMS,
): Promise<Digest[]> {
  const digests: Digest[] = []
  for (const algorithm of algorithms) {
    const names = await storage.list(storagePath(path, algorithm))
    digests.push(...names.flatMap((hex) => findDigest(`${algorithm}:${hex}`) ?? []))
  }
  return digests
}

async function* namesBelow(storage: StorageDriver, path: StoragePath, prefix: string): AsyncGenerator<RepositoryName> {
  const children = await storage.list(path)
  const atOnce = storage.capabilities.questionsAtOnce
  for (let start = 0; start < children.length; start += atOnce) {
    const batch = children.slice(start, start + atOnce)
    const listed = await Promise.all(batch.map((child) => entriesOf(storage, path, prefix, child)))
    for (const { name, below, entries } of listed.flat()) {
      if (entries.some((entry) => OF_A_REPOSITORY.has(entry))) yield name
      if (entries.some((entry) => !entry.startsWith('_'))) yield* namesBelow(storage, below, `${name}/`)
    }
  }
}

/** Nothing for what is neither the name of a repository nor the beginning of one. */
async function entriesOf(storage: StorageDriver, path: StoragePath, prefix: string, child: string) {
  const name = findRepositoryName(prefix + child)
  if (name === undefined) return []
  const below = storagePath(path, child)
  return [{ name, below, entries: await storage.list(below) }]
}
