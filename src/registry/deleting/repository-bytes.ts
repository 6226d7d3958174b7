import {
  type Holder,
  listHolders,
  listLinkedContent,
  listManifestBytes,
  type StoredContent,
} from '../../metadata/deleting/bytes.ts'
import type { Query } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Questions } from './questions.ts'
import type { RepositoryNames } from './selection.ts'

/**
 * Bytes that whole repositories set free when all of them go: those that no repository needs which stays. Each is counted once, in the first
 * repository that has it, so that nothing need be remembered of the others.
 */
export async function bytesOfRepository(
  questions: Questions,
  { repositoryId, hasUnreadable }: GoingRepository,
  going: RepositoryNames,
): Promise<number> {
  let bytes = 0
  for (const list of [listLinkedContent, listManifestBytes]) {
    const slices = questions.slices(
      (query: Query, after: string) => list(query, repositoryId, after, { hasUnreadable }),
      '',
      ({ place }: StoredContent) => place,
    )
    for await (const slice of slices) {
      for (const { stored, size, isPassedOver } of slice)
        if (isPassedOver === 0 && (await isFreed(questions, { repositoryId, stored, going }))) bytes += size
    }
  }
  return bytes
}

export interface GoingRepository {
  readonly repositoryId: number
  /** It has manifests that cannot be read, and so stay. */
  readonly hasUnreadable: boolean
}

interface Stored {
  readonly repositoryId: number
  readonly stored: Digest
  readonly going: RepositoryNames
}

async function isFreed(questions: Questions, { repositoryId, stored, going }: Stored): Promise<boolean> {
  let isFirst = true
  const slices = questions.slices(
    (query: Query, after: number) => listHolders(query, stored, after),
    0,
    ({ id }: Holder) => id,
  )
  for await (const holders of slices) {
    if (isFirst && holders[0]?.id !== repositoryId) return false
    isFirst = false
    if (holders.some(({ name }) => !going.fits(name))) return false
  }
  return true
}
