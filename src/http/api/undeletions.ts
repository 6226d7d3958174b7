import { z } from 'zod'
import { RegistryError } from '../../oci/errors.ts'
import { TagsMoved } from '../../registry/content/manifest-restoration.ts'
import { ContentGone, NoSuchDeletion, type Restored, type Undeletable } from '../../registry/deleting/undeletion.ts'
import type { DeletedRecord } from '../../registry/records/deleted-record.ts'
import { Refusal } from '../answer/error-response.ts'
import { jsonResponse, type PlainResponse } from '../answer/responses.ts'
import type { Call } from '../call.ts'
import { atMostOne, digest, parametersIn, recordId, tag } from './parameters.ts'
import type { ContentRoute } from './routes.ts'

/** An answer names no more deletions, or manifests that came back, and of each no more tags. It looks through no more records of the whole registry. */
export const MOST_LISTED = 1_000
const MOST_TAGS = 100
const MOST_LOOKED_AT = 10_000

export const LIST = z.strictObject({})
/** One deletion, the last one of a tag or of a manifest, or all that was deleted in the repository. */
export const UNDELETION = atMostOne(
  z.strictObject({
    ...{ id: recordId.optional(), tag: tag.optional(), digest: digest.optional() },
    as: tag.optional().meta({ description: 'The tag to set in place of the deleted ones.' }),
  }),
  'id',
  'tag',
  'digest',
).refine((value) => value.as === undefined || (value.id ?? value.tag ?? value.digest) !== undefined, {
  message: 'as is for one image: name its deletion, its tag or its digest',
})

/** What was deleted in the repository and can still be brought back, the newest first. */
export async function listDeleted({ registry, request, route }: Call<ContentRoute>): Promise<PlainResponse> {
  parametersIn(route.query, LIST)
  const deleted: object[] = []
  let [looked, unreadable] = [0, 0]
  const onUnreadable = () => {
    unreadable += 1
  }
  for await (const record of registry.changes.records.newestFirst(request.signal, onUnreadable)) {
    looked += 1
    if (deleted.length === MOST_LISTED || looked > MOST_LOOKED_AT) return jsonResponse({ deleted, more: true, unreadable })
    if (record.repository === route.repository && record.untilMs > Date.now()) deleted.push(shown(record))
  }
  return jsonResponse({ deleted, more: false, unreadable })
}

/** Brings back what was deleted. What cannot be is told with what of it has gone. */
export async function undelete({ registry, request, route, actor }: Call<ContentRoute>): Promise<PlainResponse> {
  const { as, ...words } = parametersIn(route.query, UNDELETION)
  const what = await undeletableOf(registry, route, words)
  const [restored, gone] = [[] as Restored[], [] as ContentGone[]]
  let [manifests, unreadable, isAllNamed] = [0, 0, true]
  const name = <Value>(named: Value[], value: Value) => {
    if (named.length < MOST_LISTED) named.push(value)
    else isAllNamed = false
  }
  const undeletion = registry.changes.undeletion({
    ...{ actor, signal: request.signal },
    onRestored: (one) => {
      manifests += 1
      name(restored, one)
    },
    onGone: (one) => name(gone, one),
    onUnreadable: () => {
      unreadable += 1
    },
  })
  try {
    await undeletion.bringBack(what, as)
  } catch (error) {
    throw refusalOf(error)
  }
  const first = <Value>(values: readonly Value[]) => values.slice(0, MOST_TAGS)
  return jsonResponse({
    manifests,
    restored: restored.map(({ digest, tags, moved }) => ({ digest, tags: first(tags), moved: first(moved) })),
    gone: gone.map(({ digest, missing }) => ({ digest, missing: first(missing) })),
    ...{ more: !isAllNamed, unreadable },
  })
}

type Words = Omit<z.output<typeof UNDELETION>, 'as'>

/** The id of a deletion in another repository is none here: the caller was let into this one alone. */
async function undeletableOf(
  { changes }: Call<ContentRoute>['registry'],
  { repository }: ContentRoute,
  { id, tag, digest }: Words,
) {
  if (tag !== undefined) return { kind: 'tag', repository, tag } satisfies Undeletable
  if (digest !== undefined) return { kind: 'manifest', repository, digest } satisfies Undeletable
  if (id === undefined) return { kind: 'repository', repository } satisfies Undeletable
  const record = await changes.records.find(id)
  if (record?.repository !== repository) throw refusalOf(new NoSuchDeletion())
  return { kind: 'record', id } satisfies Undeletable
}

/** In words for the client; another error as it is. */
export function refusalOf(error: unknown): unknown {
  if (error instanceof NoSuchDeletion)
    return new RegistryError('MANIFEST_UNKNOWN', {
      message:
        'No such deletion is known here: it never was, has been undone, or was longer ago than the grace of the collector.',
      cause: error,
    })
  if (error instanceof ContentGone)
    return new Refusal('MANIFEST_BLOB_UNKNOWN', {
      status: 409,
      message: 'It cannot be brought back, for content of it is not there any more; push it again.',
      detail: { missing: error.missing },
      cause: error,
    })
  if (error instanceof TagsMoved)
    return new Refusal('DENIED', {
      status: 409,
      message: 'Its tags point elsewhere by now, and stay so; send the parameter as to bring it back under another tag.',
      detail: { moved: error.moved },
      cause: error,
    })
  return error
}

function shown({ id, atMs, untilMs, actor, kind, digest, tags }: DeletedRecord) {
  const times = { at: new Date(atMs).toISOString(), until: new Date(untilMs).toISOString() }
  return { id, ...times, by: actor.name ?? null, kind, digest, tags: tags.slice(0, MOST_TAGS), tagCount: tags.length }
}
