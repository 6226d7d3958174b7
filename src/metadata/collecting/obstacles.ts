import type { RepositoryName } from '../../oci/name.ts'
import type { Query } from '../query.ts'

/** Content of the storage that nothing here understands. While there is any no bytes are collected: it may name them. */
export interface Obstacle {
  readonly path: string
  /** Whose directory it lies in; null where that is no name that a repository can have. Links of that repository stay. */
  readonly repository: RepositoryName | null
}

/** What the scan of an epoch met, by path. */
export async function listObstacles(query: Query, epoch: number): Promise<readonly Obstacle[]> {
  const row = await query.get<{ value: string }>("SELECT value FROM property WHERE name = 'obstacles'")
  if (row === undefined) return []
  const written = JSON.parse(row.value) as { readonly epoch: number; readonly obstacles: readonly Obstacle[] }
  return written.epoch === epoch ? written.obstacles : []
}
