import { DIGEST_ALGORITHMS, type Digest, type DigestAlgorithm, findDigest } from '../oci/digest.ts'
import { findRepositoryName, type RepositoryName } from '../oci/name.ts'
import { type StorageDriver, type StoragePath, storagePath } from './driver.ts'
import { layout, OF_A_REPOSITORY } from './layout.ts'
import { StorageFault } from './storage-errors.ts'

/** Is told of a directory that cannot be read, which the walk then passes over; throws what ends the walk. */
export type OnUnreadable = (name: RepositoryName, fault: StorageFault) => Promise<void>

export interface WalkOptions {
  /** This name and all below it; left out, all there are. */
  readonly from?: RepositoryName
  /** Left out, a directory that cannot be read ends the walk. */
  readonly onUnreadable?: OnUnreadable
  /** Is told what lies in each directory of names. */
  readonly onListed?: OnListed
}

export type OnListed = (directory: StoragePath, names: readonly string[]) => Promise<void>

/** The name of every repository that has a directory. What is no name is passed over. */
export async function* walkRepositories(storage: StorageDriver, options: WalkOptions = {}): AsyncGenerator<RepositoryName> {
  const { onUnreadable = rethrow, onListed = async () => undefined } = options
  const walk = { storage, onUnreadable, onListed }
  if (options.from === undefined) yield* namesBelow(walk, layout.repositories, '')
  else for (const found of await findIn(walk, options.from)) yield* namesOf(walk, found)
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

interface Walk {
  readonly storage: StorageDriver
  readonly onUnreadable: OnUnreadable
  readonly onListed: OnListed
}

interface FoundDirectory {
  readonly name: RepositoryName
  readonly path: StoragePath
  readonly entries: readonly string[]
}

async function* namesBelow(walk: Walk, path: StoragePath, prefix: string): AsyncGenerator<RepositoryName> {
  const children = await walk.storage.list(path)
  await walk.onListed(path, children)
  const atOnce = walk.storage.capabilities.questionsAtOnce
  for (let start = 0; start < children.length; start += atOnce) {
    const batch = children.slice(start, start + atOnce)
    const found = await Promise.all(batch.map((child) => findIn(walk, prefix + child)))
    for (const directory of found.flat()) yield* namesOf(walk, directory)
  }
}

async function* namesOf(walk: Walk, { name, path, entries }: FoundDirectory): AsyncGenerator<RepositoryName> {
  if (entries.some((entry) => OF_A_REPOSITORY.has(entry))) yield name
  if (entries.some((entry) => !OF_A_REPOSITORY.has(entry))) yield* namesBelow(walk, path, `${name}/`)
}

/** Nothing for what is neither the name of a repository nor the beginning of one, nor a directory. */
async function findIn({ storage, onUnreadable }: Walk, text: string): Promise<FoundDirectory[]> {
  const name = findRepositoryName(text)
  if (name === undefined) return []
  const path = layout.repository(name)
  try {
    return [{ name, path, entries: await storage.list(path) }]
  } catch (error) {
    if (!(error instanceof StorageFault)) throw error
    if (!(await isFile(storage, path))) await onUnreadable(name, error)
    return []
  }
}

/** A file of another program. */
async function isFile(storage: StorageDriver, path: StoragePath): Promise<boolean> {
  try {
    return (await storage.stat(path))?.kind === 'file'
  } catch (error) {
    if (error instanceof StorageFault) return false
    throw error
  }
}

async function rethrow(_: RepositoryName, fault: StorageFault): Promise<never> {
  throw fault
}
