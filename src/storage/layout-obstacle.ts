import { DIGEST_ALGORITHMS, findDigest } from '../oci/digest.ts'
import { findRepositoryName, type RepositoryName } from '../oci/name.ts'
import { findTag } from '../oci/reference.ts'
import { listedPath, type StorageDriver, type StoragePath } from './driver.ts'
import { layout, OF_A_REPOSITORY } from './layout.ts'
import { StorageFault } from './storage-errors.ts'

/**
 * A directory where registry:2 keeps content, whose name is none that Berth takes: a repository with capitals, an algorithm that Berth cannot
 * compute. What lies below may need bytes, and nothing here can tell which (docs/collector.md, Obstacles).
 */
export interface Obstacle {
  /** Of the directory. Its last name need not be one that a StoragePath may have. */
  readonly path: string
  /** The repository in whose directory it lies; null where it is in none. */
  readonly repository: RepositoryName | null
}

type Looks = Pick<StorageDriver, 'stat' | 'list'>

/** The obstacle below which a file lies; undefined where each directory on the way has a name that Berth takes. */
export function obstacleAt(path: string): Obstacle | undefined {
  const blob = namesBelow(layout.blobs, path)
  if (blob !== undefined) return obstacleOf(layout.blobs, blob, { foreign: foreignInBlobs(blob), repository: null })
  const names = namesBelow(layout.repositories, path)
  return names && obstacleOf(layout.repositories, names, foreignInRepositories(names))
}

/** Those of the names that a list of a directory has just shown which are obstacles: regular files and empty directories are none. */
export async function findObstacles(storage: Looks, directory: StoragePath, names: readonly string[]): Promise<Obstacle[]> {
  const found: Obstacle[] = []
  for (const name of names) {
    const path = listedPath(directory, name)
    const obstacle = obstacleAt(`${path}/file`)
    if (obstacle?.path === path && (await isFilledDirectory(storage, path))) found.push(obstacle)
  }
  return found
}

/** What cannot be read may hold something. */
async function isFilledDirectory(storage: Looks, path: StoragePath): Promise<boolean> {
  try {
    return (await storage.stat(path))?.kind === 'directory' && (await storage.list(path)).length > 0
  } catch (error) {
    if (error instanceof StorageFault) return true
    throw error
  }
}

function namesBelow(directory: StoragePath, path: string): readonly string[] | undefined {
  return path.startsWith(`${directory}/`) ? path.slice(directory.length + 1).split('/') : undefined
}

interface Foreign {
  /** Where the first name stands that is none; undefined: there is none. */
  readonly foreign: number | undefined
  readonly repository: RepositoryName | null
}

/** The last name is that of a file, which is no obstacle. */
function obstacleOf(directory: StoragePath, names: readonly string[], { foreign, repository }: Foreign): Obstacle | undefined {
  if (foreign === undefined || foreign >= names.length - 1) return undefined
  return { path: [directory, ...names.slice(0, foreign + 1)].join('/'), repository }
}

function foreignInBlobs([algorithm = '', shard = '', hex = '']: readonly string[]): number | undefined {
  if (!isAlgorithm(algorithm)) return 0
  if (!SHARD.test(shard)) return 1
  return findDigest(`${algorithm}:${hex}`) === undefined ? 2 : undefined
}

function foreignInRepositories(names: readonly string[]): Foreign {
  let repository: RepositoryName | null = null
  for (const [position, name] of names.entries()) {
    if (repository !== null && OF_A_REPOSITORY.has(name)) {
      const foreign = foreignInRepository(names.slice(position))
      return { foreign: foreign === undefined ? undefined : position + foreign, repository }
    }
    const next = findRepositoryName(names.slice(0, position + 1).join('/'))
    if (next === undefined) return { foreign: position, repository: name.startsWith('_') ? repository : null }
    repository = next
  }
  return { foreign: undefined, repository }
}

function foreignInRepository([directory, first = '', second = '', third = '']: readonly string[]): number | undefined {
  if (directory === '_uploads' || directory === '_holds') return undefined
  if (directory === '_layers') return foreignInDigests(first, second, 1)
  if (first === 'revisions') return foreignInDigests(second, third, 2)
  if (first === 'tags') return findTag(second) === undefined ? 2 : undefined
  return 1
}

function foreignInDigests(algorithm: string, hex: string, position: number): number | undefined {
  if (!isAlgorithm(algorithm)) return position
  return findDigest(`${algorithm}:${hex}`) === undefined ? position + 1 : undefined
}

function isAlgorithm(name: string): boolean {
  return DIGEST_ALGORITHMS.some((algorithm) => algorithm === name)
}

const SHARD = /^[0-9a-f]{2}$/
