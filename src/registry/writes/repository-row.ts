import { addRepository } from '../../metadata/changes.ts'
import { findClaimOn } from '../../metadata/claims.ts'
import { findRepository, type RepositoryRow } from '../../metadata/content.ts'
import type { Query } from '../../metadata/query.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { StoragePath } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { NameTaken } from './operations.ts'

/** The repository that an operation is about to change. */
export interface PlannedRepository {
  readonly repositoryId: number
  /** As for `StorageDriver.place`: set until an operation has made all directories of the repository, and has confirmed that. */
  readonly anew?: StoragePath
}

/**
 * In the plan of an operation that changes something in a repository: its row, made if there is none. A repository whose directories are being
 * removed, because it was empty, is waited for by a NameTaken; from the claims of the operation on it stays. `known` is its row, where this transaction has looked at it.
 */
export async function ensureRepositoryStays(
  query: Query,
  name: RepositoryName,
  epoch: number,
  known?: RepositoryRow,
): Promise<PlannedRepository> {
  const found = known ?? (await findRepository(query, name))
  const removal = found?.state === 'leaving' ? await findClaimOn(query, { kind: 'repository', repository: name }) : undefined
  if (removal !== undefined) throw new NameTaken(removal)
  if (found?.state === '') return { repositoryId: found.id }
  return { repositoryId: found?.id ?? (await addRepository(query, name, epoch)), anew: layout.repository(name) }
}
