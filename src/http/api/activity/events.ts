import { z } from 'zod'
import { AccessRefusal, type Permit } from '../../../access/access.ts'
import { isAllowed } from '../../../access/requirement.ts'
import { RegistryError } from '../../../oci/errors.ts'
import { GLOB_RULE, RepositoryGlob } from '../../../oci/repository-glob.ts'
import { type EventFilter, isWanted } from '../../../registry/events/event-filter.ts'
import { EVENT_KINDS, findEventKind, isPull, KINDS_WITHOUT_PULLS } from '../../../registry/events/event-kinds.ts'
import type { EventListener, HeardEvent } from '../../../registry/events/event-listeners.ts'
import { toldEvent } from '../../../registry/events/told-event.ts'
import type { PlainResponse } from '../../answer/responses.ts'
import { EVENT_STREAM, HEARTBEAT, retryAfter, sentEvent, textStream } from '../../answer/server-sent.ts'
import type { Call } from '../../call.ts'
import { listOf, parametersIn, tags } from '../parameters.ts'
import type { EventsRoute } from '../routes.ts'

const HEARTBEAT_EVERY_MS = 15_000
const RETRY_MS = 1_000

export const EVENTS = z.strictObject({
  repository: listOf(RepositoryGlob.find, GLOB_RULE)
    .optional()
    .meta({ description: 'Patterns of repositories, with commas between them; all when left out.' }),
  tag: tags.optional(),
  kind: listOf(findEventKind, `is no kind of event; there are ${EVENT_KINDS.join(', ')}`)
    .optional()
    .meta({ description: 'Kinds of events, with commas between them; all but pulls when left out.' }),
  after: z
    .string()
    .max(100)
    .optional()
    .meta({ description: 'The id that was received last, for a client that cannot send it as the header Last-Event-ID.' }),
})

/** What happens from now on, or after an event that the client had, in the repositories that the caller may list. */
export async function listenToEvents(call: Call<EventsRoute>): Promise<PlainResponse> {
  const { registry, request, route } = call
  const { repository = [], tag, kind = KINDS_WITHOUT_PULLS, after } = parametersIn(route.query, EVENTS)
  const { listeners } = registry
  if (listeners === undefined)
    throw new RegistryError('UNSUPPORTED', { message: 'Events are switched off here; the operator can set events.enabled.' })
  const position = request.headers.get('last-event-id')?.slice(0, 100) ?? after
  const listener = await listeners.open(position, { withPulls: kind.some(isPull) })
  const ending = new AbortController()
  const end = () => {
    listener.close()
    ending.abort()
  }
  request.signal.addEventListener('abort', end, { once: true })
  const signal = AbortSignal.any([ending.signal, listener.closing])
  const texts = streamed({ listener, signal, filter: { kinds: kind, repositories: repository, tag }, permit: call.permitAgain })
  return { status: 200, headers: EVENT_STREAM, body: textStream(texts, end) }
}

interface Streamed {
  readonly listener: EventListener
  readonly signal: AbortSignal
  readonly filter: EventFilter
  /** What the caller may do now. Throws AccessRefusal where its login does not hold any more. */
  readonly permit: () => Promise<Permit>
}

/** Ends where the login of the caller does, or when the signal aborts. */
async function* streamed({ listener, signal, filter, permit }: Streamed): AsyncGenerator<string> {
  const { gap } = listener
  const beginning = gap === undefined ? { event: 'ready', data: {} } : gapFor(gap)
  yield retryAfter(RETRY_MS) + sentEvent({ id: listener.position(), ...beginning })
  try {
    for (;;) {
      const heard = await listener.next(HEARTBEAT_EVERY_MS, signal)
      if (heard.kind === 'missed') yield sentEvent({ id: listener.position(), ...gapFor('removed') })
      const wanted = heard.kind === 'events' ? heard.events.filter((event) => isWanted(event, filter)) : []
      if (heard.kind === 'events' && wanted.length === 0) continue
      const shown = shownTo(await permit(), wanted)
      const text = shown.map((event) => sentEvent(frameOf(listener, event))).join('')
      if (text !== '' || heard.kind === 'nothing') yield text || HEARTBEAT
    }
  } catch (error) {
    if (!signal.aborted && !(error instanceof AccessRefusal)) throw error
  }
}

function gapFor(reason: 'removed' | 'unknown') {
  return { event: 'gap', data: { reason } }
}

function shownTo(permit: Permit, events: readonly HeardEvent[]): readonly HeardEvent[] {
  if (permit.catalog === 'everything') return events
  // What happened in no repository is about accounts and upstreams.
  return events.filter(({ repository }) =>
    repository === '' ? permit.accounts === 'all' : isAllowed(permit, 'list', repository),
  )
}

function frameOf(listener: EventListener, event: HeardEvent) {
  const data = toldEvent(event)
  return { id: listener.position(event.number), event: data.kind, data }
}
