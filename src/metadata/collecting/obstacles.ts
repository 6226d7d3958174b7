import type { RepositoryName } from '../../oci/name.ts'
import type { Query } from '../query.ts'
import { readProperty, writeProperty } from '../scans.ts'

/** What lies in the storage that Berth cannot tell the use of (docs/collector.md, Obstacles). */
export interface Obstacle {
  readonly path: string
  /** The repository in whose directory it lies; null where it is in none. */
  readonly repository: RepositoryName | null
}

/** More than these are not told apart: one is enough to keep all bytes. */
export const MOST_OBSTACLES = 1_000

interface Written {
  readonly epoch: number
  readonly obstacles: readonly Obstacle[]
  /** There were more. Nothing tells when the others have gone, so that all stay until the next epoch. */
  readonly isCut: boolean
}

/** What the scan of an epoch has met so far; at most MOST_OBSTACLES. */
export async function listObstacles(query: Query, epoch: number): Promise<readonly Obstacle[]> {
  return (await readWritten(query, epoch)).obstacles
}

/** Adds those that are not known yet, and gives these back. */
export async function addObstacles(query: Query, epoch: number, met: readonly Obstacle[]): Promise<readonly Obstacle[]> {
  const { obstacles, isCut } = await readWritten(query, epoch)
  const known = new Set(obstacles.map(({ path }) => path))
  const added = [...new Map(met.map((obstacle) => [obstacle.path, obstacle])).values()].filter(({ path }) => !known.has(path))
  if (added.length === 0) return []
  const all = [...obstacles, ...added]
  const kept = all.slice(0, MOST_OBSTACLES).sort((one, other) => (one.path < other.path ? -1 : 1))
  await write(query, { epoch, obstacles: kept, isCut: isCut || all.length > MOST_OBSTACLES })
  return added.slice(0, kept.length - obstacles.length)
}

/** Forgets some that have gone, and gives back those that were forgotten. */
export async function forgetObstacles(query: Query, epoch: number, gone: ReadonlySet<string>): Promise<readonly Obstacle[]> {
  const { obstacles, isCut } = await readWritten(query, epoch)
  const forgotten = isCut ? [] : obstacles.filter(({ path }) => gone.has(path))
  if (forgotten.length === 0) return []
  await write(query, { epoch, obstacles: obstacles.filter(({ path }) => !gone.has(path)), isCut })
  return forgotten
}

async function readWritten(query: Query, epoch: number): Promise<Written> {
  const text = await readProperty(query, 'obstacles')
  const written = text === undefined ? undefined : (JSON.parse(text) as Written)
  return written?.epoch === epoch ? written : { epoch, obstacles: [], isCut: false }
}

async function write(query: Query, written: Written): Promise<void> {
  await writeProperty(query, 'obstacles', JSON.stringify(written))
}
