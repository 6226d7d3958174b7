import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { filesInBucket } from './stored-files.ts'
import type { TestRoot } from './test-root.ts'

const LINK_IN_STORAGE = /^repositories\/(.+)\/(?:_layers|_manifests\/revisions)\/(sha256|sha512)\/([0-9a-f]+)\/link$/
const LINK = /^(.+)\/(?:_layers|_manifests\/revisions)\/(?:sha256|sha512)\/[0-9a-f]+\/link$/

/** The bytes that repositories hold by link or as a manifest, each digest once: read from the directory, without a line of Berth's. */
export function usedOnDisk(dataDirectory: string, fits: (repository: string) => boolean): number {
  const root = join(dataDirectory, 'docker/registry/v2')
  const repositories = join(root, 'repositories')
  if (!existsSync(repositories)) return 0
  const digests = new Set<string>()
  for (const path of readdirSync(repositories, { recursive: true, encoding: 'utf8' })) {
    const repository = LINK.exec(path)?.[1]
    const digest = repository !== undefined && fits(repository) ? linkAt(join(repositories, path)) : undefined
    if (digest !== undefined) digests.add(digest)
  }
  return [...digests].reduce((bytes, digest) => bytes + sizeOf(root, digest), 0)
}

/** Undefined: it went after its directory was read. */
function linkAt(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** The same of a directory or a bucket. */
export async function usedIn(root: TestRoot, fits: (repository: string) => boolean): Promise<number> {
  if (typeof root === 'string') return usedOnDisk(root, fits)
  const { sizes } = await filesInBucket(root.place)
  const blobs = new Set<string>()
  for (const path of sizes.keys()) {
    const [, repository, algorithm, hex] = LINK_IN_STORAGE.exec(path) ?? []
    if (repository !== undefined && fits(repository)) blobs.add(`blobs/${algorithm}/${hex?.slice(0, 2)}/${hex}/data`)
  }
  return [...blobs].reduce((bytes, path) => bytes + (sizes.get(path) ?? 0), 0)
}

function sizeOf(root: string, digest: string): number {
  const [algorithm = '', hex = ''] = digest.split(':')
  return statSync(join(root, 'blobs', algorithm, hex.slice(0, 2), hex, 'data'), { throwIfNoEntry: false })?.size ?? 0
}
