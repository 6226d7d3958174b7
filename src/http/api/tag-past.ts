import { z } from 'zod'
import { RegistryError, unavailable } from '../../oci/errors.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import { ReferencesMissing } from '../../registry/content/reference-check.ts'
import type { TagTarget } from '../../registry/deleting/content-changes.ts'
import type { Past, PastMove, PastOfTag } from '../../registry/deleting/past-of-tag.ts'
import { Semaphore } from '../../runtime/semaphore.ts'
import { Refusal } from '../answer/error-response.ts'
import { jsonResponse, type PlainResponse } from '../answer/responses.ts'
import type { Call } from '../call.ts'
import type { Route } from '../routes.ts'
import { atMost, digest, parametersIn, tag } from './parameters.ts'
import type { ContentRoute } from './routes.ts'

const MOST_MOVES = 1_000
const USUAL_MOVES = 100
/** A large registry has gigabytes of records: an answer has what the newest of them say. */
const BOUNDS = { historyBytes: 32 * 1024 * 1024, moves: 2_000, remembered: 200, deletions: 10_000 }

/** The parameters of a history: the tag, and how many of its moves. */
export const HISTORY = z.strictObject({
  tag,
  n: atMost(MOST_MOVES)
    .optional()
    .meta({ description: `How many moves; ${USUAL_MOVES} when left out, ${MOST_MOVES} at most.` }),
})
/** The parameters of a restore: the tag, and the manifest to which it is to point. */
export const RESTORATION = z
  .strictObject({
    tag,
    digest: digest.optional(),
    back: atMost(MOST_MOVES).optional().meta({ description: 'Where it pointed so many moves ago, in place of a digest.' }),
  })
  .refine((value) => (value.digest === undefined) !== (value.back === undefined), {
    message: 'either digest or back says where to',
  })

/** One request of a process reads records at a time: it may have to read many. */
const reading = new Semaphore(1)
const MOST_WAITING = 100

/** How a tag moved, the newest move first. */
export async function getTagHistory(call: Call<ContentRoute>): Promise<PlainResponse> {
  const { tag: moved, n = USUAL_MOVES } = parametersIn(call.route.query, HISTORY)
  const { moves, isWhole, unreadable } = await readMoves(call, moved, n)
  return jsonResponse({ moves: moves.map(shown), more: !isWhole, unreadable })
}

/** The newest moves of a tag, so many at most, and how many records could not be read. */
export async function readMoves(call: Reading, moved: Tag, most: number): Promise<Past & { readonly unreadable: number }> {
  let unreadable = 0
  const onUnreadable = () => {
    unreadable += 1
  }
  const past = await read(call, onUnreadable, (all) => all.of(call.route.repository, moved, most))
  return { ...past, unreadable }
}

/** Points a tag to what it pointed to before, where that is still there. */
export async function restoreTag(call: Call<ContentRoute>): Promise<PlainResponse> {
  const { registry, request, route, actor } = call
  const { tag: restored, digest: known, back = 0 } = parametersIn(route.query, RESTORATION)
  const target =
    known ??
    (await read(
      call,
      () => undefined,
      (past) => past.back(route.repository, restored, back),
    ))
  if (target === undefined)
    throw new RegistryError('MANIFEST_UNKNOWN', {
      message: `It is not known where the tag pointed ${back} moves ago; its history says what is, and digest names it.`,
    })
  await pointBack({ registry, request, actor }, route.repository, { tag: restored, digest: target })
  return jsonResponse({ tag: restored, digest: target })
}

/** Points a tag to a manifest that is still there. Throws 409 where content of it is not there any more. */
export async function pointBack(
  { registry, request, actor }: Pick<Call<Route>, 'registry' | 'request' | 'actor'>,
  repository: RepositoryName,
  target: TagTarget,
): Promise<void> {
  try {
    await registry.changes.restoreTag(repository, target, { actor, signal: request.signal })
  } catch (cause) {
    throw refusalOf(cause)
  }
}

/** A request about the past of a tag. */
type Reading = Pick<Call<ContentRoute>, 'registry' | 'request'> & { readonly route: Pick<ContentRoute, 'repository'> }

async function read<Result>(
  { registry, request: { signal }, route }: Reading,
  onUnreadable: () => void,
  ask: (past: PastOfTag) => Promise<Result>,
): Promise<Result> {
  if (reading.waiting >= MOST_WAITING) throw unavailable('Too many histories are being read; ask again in a moment.')
  return await reading.run(async () => {
    signal.throwIfAborted()
    return await ask(await registry.changes.past(route.repository, { signal, onUnreadable, bounds: BOUNDS }))
  })
}

function refusalOf(cause: unknown): unknown {
  if (!(cause instanceof ReferencesMissing)) return cause
  return new Refusal('MANIFEST_BLOB_UNKNOWN', {
    status: 409,
    message:
      'The tag cannot point there, for content of it is not there any more; bring it back with undelete, or push it again.',
    detail: { missing: cause.missing },
    cause,
  })
}

function shown({ atMs, by, digest: to, how, state }: PastMove) {
  const until = typeof state === 'object' ? new Date(state.untilMs).toISOString() : null
  const is = typeof state === 'object' ? 'deleted' : state
  return { at: new Date(atMs).toISOString(), by: by ?? null, how: how ?? null, digest: to ?? null, state: is, until }
}
