import { z } from 'zod'
import { unavailable } from '../../oci/errors.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { isDigest, type Reference } from '../../oci/reference.ts'
import { nameUnknown } from '../../oci/unknown.ts'
import type { RepositoryDecisions } from '../../registry/retention/retention-look.ts'
import { type ShownContent, shownOf } from '../../registry/retention/shown-content.ts'
import { Semaphore } from '../../runtime/semaphore.ts'
import { jsonResponse, type PlainResponse } from '../answer/responses.ts'
import type { Call } from '../call.ts'
import { atMost, flag, parametersIn, reference } from './parameters.ts'
import type { ContentRoute } from './routes.ts'

const MOST_SHOWN = 1_000
const USUALLY_SHOWN = 100

/** The parameters of a preview: which page of it, whether only what would go, and whether with the bytes. */
export const RETENTION = z.strictObject({
  n: atMost(MOST_SHOWN)
    .optional()
    .meta({ description: `How many tags and manifests; ${USUALLY_SHOWN} when left out, ${MOST_SHOWN} at most.` }),
  last: reference.optional().meta({ description: 'The tag or the digest after which to go on: next of the answer before.' }),
  goes: flag.optional().meta({ description: 'true: only what would go.' }),
  bytes: flag.optional().meta({ description: 'true: also how many bytes that sets free.' }),
})

/** One request of a process decides at a time: a repository may have many tags. */
const deciding = new Semaphore(1)
const MOST_WAITING = 100

/** What the rules for tags do in the repository: tags by name, then manifests without one by digest. Removes nothing. */
export async function previewRetention({ registry, request, route }: Call<ContentRoute>): Promise<PlainResponse> {
  const { n = USUALLY_SHOWN, last, goes: onlyGoing = false, bytes: asksBytes = false } = parametersIn(route.query, RETENTION)
  const found = await decidedIn({ registry, request }, route.repository, { asksBytes })
  if (found === undefined) throw nameUnknown(route.repository)
  const { decisions, bytes } = found
  const page = pageOf(decisions, { n, last, onlyGoing })
  const end = page.length > n ? page[n - 1] : undefined
  return jsonResponse({
    ...{ tags: countOf(decisions.tags), untagged: countOf(decisions.untagged), dryRun: registry.retention.dryRun },
    bytes,
    contents: page.slice(0, n).map(({ tag = null, ...content }) => ({ tag, ...content })),
    next: end?.tag ?? end?.digest ?? null,
  })
}

/** What the rules do in a repository; undefined where it is not there. Throws UNAVAILABLE where too many requests wait for such an answer. */
export async function decidedIn(
  { registry, request }: Pick<Call<ContentRoute>, 'registry' | 'request'>,
  repository: RepositoryName,
  { asksBytes }: { readonly asksBytes: boolean },
) {
  if (deciding.waiting >= MOST_WAITING) throw unavailable('Too many repositories are being looked at; ask again in a moment.')
  return await deciding.run(async () => {
    const decisions = await registry.retention.decisionsIn(repository, request.signal)
    const bytes = asksBytes ? decisions && (await registry.retention.bytesOf(decisions, request.signal)) : undefined
    return decisions && { decisions, bytes }
  })
}

interface Part {
  readonly n: number
  readonly last: Reference | undefined
  readonly onlyGoing: boolean
}

/** One more than asked for, where there is one. */
function pageOf({ tags, untagged }: RepositoryDecisions, { n, last, onlyGoing }: Part): readonly ShownContent[] {
  const isAfterTags = last !== undefined && isDigest(last)
  const page: ShownContent[] = []
  for (const decided of isAfterTags ? [] : tags) {
    if (page.length > n) return page
    if ((decided.goes || !onlyGoing) && (last === undefined || decided.about.name > last)) page.push(shownOf(decided))
  }
  for (const decided of untagged) {
    if (page.length > n) return page
    if ((decided.goes || !onlyGoing) && (!isAfterTags || decided.about.digest > last)) page.push(shownOf(decided))
  }
  return page
}

function countOf(decided: readonly { readonly goes: boolean }[]): { readonly go: number; readonly stay: number } {
  let go = 0
  for (const { goes } of decided) if (goes) go += 1
  return { go, stay: decided.length - go }
}
