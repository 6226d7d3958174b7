import { StartError } from '../../composition/start-error.ts'
import { findDigest } from '../../oci/digest.ts'
import { findRepositoryName, type RepositoryName } from '../../oci/name.ts'
import { findTag } from '../../oci/reference.ts'
import { GLOB_RULE, RepositoryGlob } from '../../oci/repository-glob.ts'
import { TAG_GLOB_RULE, TagGlob } from '../../oci/tag-glob.ts'
import type { Selection } from '../../registry/deleting/selection.ts'
import { findSpanMs, SPAN_RULE } from '../../runtime/duration.ts'

/** What an operator wrote: a repository, one of its tags or digests, or patterns. */
export interface DeletionWords {
  readonly target: string | undefined
  readonly repositories: string | undefined
  readonly tags: string | undefined
  /** An age, as 14d. */
  readonly olderThan?: string | undefined
}

type Named = Exclude<Selection, { readonly kind: 'repositories' | 'tags' }>

/** Throws StartError with a sentence for what cannot be meant. */
export function selectionOf({ target, repositories, tags, olderThan }: DeletionWords): Selection {
  const olderThanMs = olderThan === undefined ? undefined : ageIn(olderThan, tags)
  if (target !== undefined && repositories !== undefined)
    throw new StartError('Name a repository or --repositories, not both: they may mean different ones.')
  if (target !== undefined) return tags === undefined ? targetOf(target) : tagsIn(target, tags, olderThanMs)
  if (repositories === undefined)
    throw new StartError(
      'Name what to delete: <repository>, <repository>:<tag>, <repository>@<digest>, or --repositories <pattern>.',
    )
  const names = repositoryGlob(repositories)
  return tags === undefined
    ? { kind: 'repositories', repositories: names }
    : { kind: 'tags', repositories: names, tags: tagGlob(tags), olderThanMs }
}

/** One repository, tag or digest. Throws StartError. */
export function targetOf(text: string): Named {
  const [beforeDigest = '', digestText] = text.split('@', 2)
  if (digestText !== undefined) {
    const digest = findDigest(digestText)
    if (digest === undefined) throw new StartError(`${digestText} is no digest; write sha256:<64 hex digits>.`)
    return { kind: 'manifest', repository: repositoryName(beforeDigest, text), digest }
  }
  const colon = text.lastIndexOf(':')
  if (colon < 0 || text.indexOf('/', colon) >= 0) return { kind: 'repository', repository: repositoryName(text, text) }
  const tag = findTag(text.slice(colon + 1))
  if (tag === undefined) throw new StartError(`${text.slice(colon + 1)} can be no tag.`)
  return { kind: 'tag', repository: repositoryName(text.slice(0, colon), text), tag }
}

function ageIn(olderThan: string, tags: string | undefined): number {
  if (tags === undefined)
    throw new StartError('--older-than says which tags of a pattern are meant: name the pattern with --tags.')
  const ms = findSpanMs(olderThan)
  if (ms !== undefined) return ms
  throw new StartError(`${JSON.stringify(olderThan)} is no age; write ${SPAN_RULE}.`)
}

function tagsIn(target: string, tags: string, olderThanMs: number | undefined): Selection {
  const selection = targetOf(target)
  if (selection.kind !== 'repository') throw new StartError(`${target} names one image already; leave --tags out, or the tag.`)
  return { kind: 'tags', repositories: selection.repository, tags: tagGlob(tags), olderThanMs }
}

function repositoryName(text: string, whole: string): RepositoryName {
  const name = findRepositoryName(text)
  if (name !== undefined) return name
  throw new StartError(
    `${JSON.stringify(whole)} names no repository; write its name as the registry has it, without the address of the registry.`,
  )
}

function repositoryGlob(text: string): RepositoryGlob {
  const glob = RepositoryGlob.find(text)
  if (glob === undefined) throw new StartError(`${JSON.stringify(text)} ${GLOB_RULE}.`)
  return glob
}

function tagGlob(text: string): TagGlob {
  const glob = TagGlob.find(text)
  if (glob !== undefined) return glob
  throw new StartError(`${JSON.stringify(text)} ${TAG_GLOB_RULE}.`)
}
