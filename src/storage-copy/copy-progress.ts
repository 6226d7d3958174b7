import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { Tag } from '../oci/reference.ts'

/** How far a copy is. It is one object for the whole of it, and its numbers only grow. */
export interface CopyProgress {
  phase: 'opening' | 'blobs' | 'repositories' | 'done'
  /** How much of the phase is behind, from 0 to 1. */
  part: number
  /** Whole in the target now that were not before, and those that were. */
  blobsCopied: number
  blobsPresent: number
  bytesCopied: number
  repositories: number
  linksCopied: number
  linksPresent: number
  tagsCopied: number
  tagsPresent: number
  /** Links and tags of the source that name nothing there, as registry:2's collector leaves them. They are not copied. */
  dangling: number
  /** Berth's own records. */
  recordsCopied: number
  /** Accounts of the target that the source does not have any more. */
  recordsRemoved: number
  problems: number
}

export function noProgress(): CopyProgress {
  return {
    ...{ phase: 'opening', part: 0, blobsCopied: 0, blobsPresent: 0, bytesCopied: 0 },
    ...{ repositories: 0, linksCopied: 0, linksPresent: 0, tagsCopied: 0, tagsPresent: 0, dangling: 0 },
    ...{ recordsCopied: 0, recordsRemoved: 0, problems: 0 },
  }
}

/** Something in the source that could not be copied as it should. The rest goes on. */
export type CopyProblem =
  | { readonly kind: 'damaged-blob'; readonly digest: Digest; readonly size: number; readonly actual: Digest }
  | { readonly kind: 'unreadable-blob'; readonly digest: Digest; readonly reason: string }
  | {
      readonly kind: 'incomplete-image'
      readonly repository: RepositoryName
      readonly digest: Digest
      readonly missing: Digest[]
    }
  | { readonly kind: 'tag-not-copied'; readonly repository: RepositoryName; readonly tag: Tag; readonly digest: Digest }

export function describeProblem(problem: CopyProblem): string {
  switch (problem.kind) {
    case 'damaged-blob':
      return `${problem.digest} is damaged in the source, where its ${problem.size} bytes are those of ${problem.actual}: not copied. Push it again there, or restore it from a backup.`
    case 'unreadable-blob':
      return `${problem.digest} cannot be read from the source (${problem.reason}): not copied. Run the copy again when it can.`
    case 'incomplete-image':
      return `${problem.repository}@${problem.digest} lacks ${problem.missing.join(', ')}: it can be pulled from neither side until that is pushed again.`
    case 'tag-not-copied':
      return `${problem.repository}:${problem.tag} was not copied, because its manifest ${problem.digest} was not.`
  }
}
