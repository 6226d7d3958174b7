import { z } from 'zod'
import type { RepositoryName } from '../../oci/name.ts'
import type { Selection } from '../../registry/deleting/selection.ts'
import { jsonResponse, type PlainResponse } from '../answer/responses.ts'
import type { Call } from '../call.ts'
import { countsOf, deleteAsSeen, isMore, MOST_NAMED, requireTagsForAge, seenBefore, TOKEN } from './deletions.ts'
import { age, parametersIn, repositories, tags } from './parameters.ts'
import type { PatternRoute } from './routes.ts'

/** What a look at a deletion in many repositories is about: tags alone, or all of them. */
export const PATTERN = z.strictObject({ repositories, tags: tags.optional(), olderThan: age.optional() })
/** What such a deletion is about, and the token of the look at it. */
export const PATTERN_DELETION = PATTERN.extend({ token: TOKEN })

/** What would go of all repositories that fit and from which the caller may delete. Changes nothing. */
export async function previewDeletionByPattern(call: Call<PatternRoute>): Promise<PlainResponse> {
  const seen = await seenBefore(call, selectionOf(call, parametersIn(call.route.query, PATTERN)), MOST_NAMED)
  const stays = seen.staying.map(({ repository, reference, because }) => ({ repository, reference, because }))
  const { namedBy: _, ...counts } = countsOf(seen.preview)
  return jsonResponse({ ...counts, goes: seen.named, stays, more: isMore(seen) })
}

/** Deletes what a look has shown, and nothing else. */
export async function deleteByPattern(call: Call<PatternRoute>): Promise<PlainResponse> {
  const { token, ...words } = parametersIn(call.route.query, PATTERN_DELETION)
  return jsonResponse(await deleteAsSeen(call, selectionOf(call, words), { token, isForced: false }))
}

/** A repository from which the caller may not delete is none that is meant, whether it may be seen or not. */
function selectionOf({ permit }: Pick<Call<PatternRoute>, 'permit'>, words: z.output<typeof PATTERN>): Selection {
  requireTagsForAge(words)
  const fits = (name: RepositoryName) => words.repositories.fits(name) && permit.may('delete', name)
  const { tags, olderThan: olderThanMs } = words
  if (tags !== undefined) return { kind: 'tags', repositories: { fits }, tags, olderThanMs }
  return { kind: 'repositories', repositories: { fits } }
}
