import { z } from 'zod'
import { ChangedMeanwhile } from '../../registry/content/manifest-removal.ts'
import { StillNamed } from '../../registry/content/still-named.ts'
import type { Preview } from '../../registry/deleting/preview.ts'
import type { Deleted } from '../../registry/deleting/removing.ts'
import type { Going, Selection, Staying } from '../../registry/deleting/selection.ts'
import { Refusal } from '../answer/error-response.ts'
import { jsonResponse, type PlainResponse } from '../answer/responses.ts'
import type { Call } from '../call.ts'
import type { Route } from '../routes.ts'
import { age, atMostOne, digest, flag, invalid, parametersIn, tag, tags } from './parameters.ts'
import type { ContentRoute } from './routes.ts'

/** An answer names no more of what goes; its counts are of all of it. */
export const MOST_NAMED = 1_000

const what = z.strictObject({ tag: tag.optional(), digest: digest.optional(), tags: tags.optional(), olderThan: age.optional() })
/** What a look at a deletion is about: a tag alone, a manifest with its tags, tags alone, or all of the repository. */
export const LOOK = atMostOne(what, 'tag', 'digest', 'tags')
export const TOKEN = z.string().meta({ description: 'The token of the look at what would go: it says that nothing else goes.' })
/** What a deletion is about, and the token of the look at it. */
export const DELETION = atMostOne(
  what.extend({
    token: TOKEN,
    force: flag.optional().meta({ description: 'Also a child of an image index that stays.' }),
  }),
  'tag',
  'digest',
  'tags',
)

/** What would go, what that frees and when. Changes nothing. */
export async function previewDeletion(call: Call<ContentRoute>): Promise<PlainResponse> {
  return jsonResponse(shown(await seenBefore(call, selectionOf(call.route, parametersIn(call.route.query, LOOK)), MOST_NAMED)))
}

/** Deletes what a look has shown, and nothing else. */
export async function deleteContent(call: Call<ContentRoute>): Promise<PlainResponse> {
  const { token, force: isForced = false, ...words } = parametersIn(call.route.query, DELETION)
  return jsonResponse(await deleteAsSeen(call, selectionOf(call.route, words), { token, isForced }))
}

type Asking = Pick<Call<Route>, 'registry' | 'request' | 'actor'>

export interface SeenBefore {
  readonly preview: Preview
  /** The first of what goes, and of what is meant and stays. */
  readonly named: readonly Going[]
  readonly staying: readonly Staying[]
}

/** A look at a deletion; names so much of it at most. Throws NAME_UNKNOWN, MANIFEST_UNKNOWN. */
export async function seenBefore({ registry, request }: Asking, selection: Selection, most: number): Promise<SeenBefore> {
  const named: Going[] = []
  const staying: Staying[] = []
  const told = (found: Going | Staying) => {
    if (found.kind === 'stays' && staying.length < most) staying.push(found)
    if (found.kind !== 'stays' && named.length < most) named.push(found)
  }
  const preview = await registry.changes.deletions(request.signal).preview(selection, told, request.signal)
  return { preview, named, staying }
}

/**
 * Deletes what a look has shown, and nothing else: it looks again, and refuses with 409 where the set is another one by now. Ends between two
 * removals when the client goes; what has gone by then is gone.
 */
export async function deleteAsSeen(
  { registry, request: { signal }, actor }: Asking,
  selection: Selection,
  { token, isForced }: { readonly token: string; readonly isForced: boolean },
): Promise<Deleted> {
  const deletions = registry.changes.deletions(signal)
  const preview = await deletions.preview(selection, () => undefined, signal)
  if (preview.token !== token) throw conflict('Something was pushed, moved or removed since the token was given; look again.')
  try {
    return await deletions.delete(selection, {
      actor,
      isForced,
      asOf: preview.asOf,
      pushedBeforeMs: preview.pushedBeforeMs,
      signal,
      told: () => undefined,
    })
  } catch (cause) {
    if (cause instanceof StillNamed) throw conflict(cause.message, { detail: cause.detail, cause })
    if (cause instanceof ChangedMeanwhile)
      throw conflict('It was pushed or tagged again since it was looked at, and stays; look again.', { cause })
    throw cause
  }
}

function selectionOf({ repository }: ContentRoute, words: z.output<typeof LOOK>): Selection {
  requireTagsForAge(words)
  if (words.tag !== undefined) return { kind: 'tag', repository, tag: words.tag }
  if (words.digest !== undefined) return { kind: 'manifest', repository, digest: words.digest }
  const { tags, olderThan: olderThanMs } = words
  if (tags !== undefined) return { kind: 'tags', repositories: repository, tags, olderThanMs }
  return { kind: 'repository', repository }
}

/** Throws PARAMETER_INVALID. */
export function requireTagsForAge({ olderThan, tags }: { readonly olderThan?: unknown; readonly tags?: unknown }): void {
  if (olderThan !== undefined && tags === undefined)
    throw invalid('olderThan says which tags of a pattern are meant, so that tags is needed')
}

function shown({ preview, named, staying }: SeenBefore) {
  const { repositories: _, ...counts } = countsOf(preview)
  return {
    ...counts,
    goes: named.map(({ repository: _, ...going }) => going),
    stays: staying.map(({ reference, because }) => ({ reference, because })),
    more: isMore({ preview, named, staying }),
  }
}

/** What a look says in figures, and its token. */
export function countsOf({ freedAfterMs, asOf: _, pushedBeforeMs: __, ...counts }: Preview) {
  return { ...counts, ...(freedAfterMs === undefined ? {} : { freedBy: new Date(Date.now() + freedAfterMs).toISOString() }) }
}

/** More goes or stays than is named. */
export function isMore({ preview, named, staying }: SeenBefore): boolean {
  return preview.tags + preview.manifests + preview.released > named.length || preview.kept > staying.length
}

function conflict(message: string, facts: { readonly detail?: unknown; readonly cause?: unknown } = {}): Refusal {
  return new Refusal('DENIED', { ...facts, status: 409, message })
}
