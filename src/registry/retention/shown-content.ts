import type { Digest } from '../../oci/digest.ts'
import type { Tag } from '../../oci/reference.ts'
import type { Decided } from '../../retention/decision.ts'
import type { ManifestFacts, TagFacts } from '../../retention/facts.ts'
import { wordsOf } from '../../retention/reason.ts'

/** What becomes of one tag, or of a manifest without a tag, for people and programs. */
export interface ShownContent {
  /** Undefined: no tag leads to it. */
  readonly tag: Tag | undefined
  readonly digest: Digest
  readonly goes: boolean
  /** One word or two, for a program. */
  readonly reason: string
  /** To be read after 'stays: ' or 'goes: '. */
  readonly because: string
}

export function shownOf({ about, goes, because }: Decided<TagFacts | ManifestFacts>): ShownContent {
  const tag = 'name' in about ? about.name : undefined
  return { tag, digest: about.digest, goes, reason: because.kind, because: wordsOf(because) }
}
