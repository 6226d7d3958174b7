import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { Tag } from '../oci/reference.ts'
import type { MovesSince } from './images-of-tag.ts'

/** What is known of a repository. Undefined is unknown: it never counts as old, and never as 'not pulled'. */
export interface RepositoryFacts {
  readonly name: RepositoryName
  readonly tags: readonly TagFacts[]
  /** Manifests without a tag. */
  readonly untagged: readonly ManifestFacts[]
  /** Since when every pull is noted; a manifest without a note was not pulled since then. */
  readonly pullsKnownSinceMs: number | undefined
  /** What each tag led to. Of one that is missing it is not known. */
  readonly moves: ReadonlyMap<Tag, MovesSince>
  /** Why anything may run that is not known to run; undefined: each host has reported lately. */
  readonly runningUnknown: RunningUnknown | undefined
}

/** A host that has not reported lately; no host: none ever did. */
export interface RunningUnknown {
  readonly host: string | undefined
  /** When it reported last; undefined where that is not known. */
  readonly seenMs: number | undefined
}

export interface TagFacts extends ContentFacts {
  readonly name: Tag
  readonly digest: Digest
  /** When the tag was last pushed. */
  readonly pushedMs: number | undefined
}

export interface ManifestFacts extends ContentFacts {
  readonly digest: Digest
  readonly pushedMs: number | undefined
  /** Since when no tag leads to it. */
  readonly untaggedSinceMs: number | undefined
}

interface ContentFacts {
  /** A host on which it runs, or one of its images. */
  readonly runsOn: string | undefined
  /** When the manifest was last pulled. */
  readonly pulledMs: number | undefined
  /** An image index that is there names it. */
  readonly isChild: boolean
  /** It is about another manifest that is there, by its `subject`. */
  readonly isReferrer: boolean
  /** An operator holds it, by its tag or its digest. */
  readonly isHeld: boolean
  /** It is damaged, or of a kind that Berth does not know. */
  readonly isUnreadable: boolean
}
