import { findDigest } from '../../../../oci/digest.ts'
import type { RepositoryName } from '../../../../oci/name.ts'
import { findTag } from '../../../../oci/reference.ts'
import { TagGlob } from '../../../../oci/tag-glob.ts'
import type { Selection } from '../../../../registry/deleting/selection.ts'
import type { Query } from '../../site.ts'

/** What is to be deleted, as the address of the screen names it. */
export interface Chosen {
  readonly selection: Selection
  /** The parameters of the address. */
  readonly query: Query
}

const MOST_TAGS = 500

/** Undefined where the address names nothing, or nothing that there can be. */
export function chosenIn(repository: RepositoryName, query: URLSearchParams): Chosen | undefined {
  const names = [...new Set(query.getAll('tag'))].flatMap((text) => findTag(text) ?? []).slice(0, MOST_TAGS)
  const [tag] = names
  if (tag !== undefined && names.length === 1) return { selection: { kind: 'tag', repository, tag }, query: { tag } }
  if (tag !== undefined) {
    const chosen = new Set<string>(names)
    const tags = { fits: (name: string) => chosen.has(name) }
    return { selection: { kind: 'tags', repositories: repository, tags }, query: { tag: names } }
  }
  const digest = findDigest(query.get('digest') ?? '')
  if (digest !== undefined) return { selection: { kind: 'manifest', repository, digest }, query: { digest } }
  const tags = TagGlob.find((query.get('tags') ?? '').trim())
  if (tags !== undefined) return { selection: { kind: 'tags', repositories: repository, tags }, query: { tags: tags.text } }
  return query.get('all') === 'yes' ? { selection: { kind: 'repository', repository }, query: { all: 'yes' } } : undefined
}
