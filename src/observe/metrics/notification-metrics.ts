import type { MetricFamily, MetricValue } from './family.ts'

/** What one process has sent to an endpoint, in the words of registry:3's metrics. */
export interface EndpointCounts {
  readonly endpoint: string
  /** Events that were to be sent. */
  readonly events: number
  /** Tries that were taken, that were refused, and that had no answer. */
  readonly successes: number
  readonly failures: number
  readonly errors: number
  /** Answers, by their status: '200 OK'. */
  readonly statuses: ReadonlyMap<string, number>
}

/** How far an endpoint is, whichever process sends to it. */
export interface EndpointState {
  readonly endpoint: string
  /** Events that it has not had: those that it ignores are among them, until they are passed over. */
  readonly pending: number
  /** Events that were removed before it took them. */
  readonly lost: number
  /** Since when it takes none, by the wall clock; undefined: it takes them. */
  readonly failingMs: number | undefined
  /** Why, in words; undefined: it takes them. */
  readonly failure: string | undefined
}

/** The first three are called as those of registry:3. */
export function notificationFamilies(counts: readonly EndpointCounts[], states: readonly EndpointState[]): MetricFamily[] {
  if (counts.length === 0) return []
  const events = counts.flatMap(({ endpoint, ...of }) => [
    labelled(of.events, { type: 'Events', endpoint }),
    labelled(of.successes, { type: 'Successes', endpoint }),
    labelled(of.failures, { type: 'Failures', endpoint }),
    labelled(of.errors, { type: 'Errors', endpoint }),
  ])
  const statuses = counts.flatMap(({ endpoint, statuses: of }) =>
    [...of].map(([code, value]) => labelled(value, { code, endpoint })),
  )
  return [
    counter('registry_notifications_events_total', 'The number of total events', events),
    counter('registry_notifications_status_total', 'The number of status code', statuses),
    shared('registry_notifications_pending_total', 'The gauge of pending events in queue', states, ({ pending }) => pending),
    shared(
      'berth_notifications_lost_events',
      'Events that were removed before the endpoint took them.',
      states,
      ({ lost }) => lost,
    ),
    shared('berth_notifications_failing', '1 while the endpoint takes no events.', states, ({ failingMs }) =>
      failingMs === undefined ? 0 : 1,
    ),
  ]
}

function labelled(value: number, labels: MetricValue['labels']): MetricValue {
  return { value, labels }
}

/** One process sends, and it may become another one. */
function counter(name: string, help: string, values: readonly MetricValue[]): MetricFamily {
  return { name, help, type: 'counter', aggregator: 'sum', values }
}

/** All processes read the same metadata. */
function shared(
  name: string,
  help: string,
  states: readonly EndpointState[],
  read: (state: EndpointState) => number,
): MetricFamily {
  const values = states.map((state) => labelled(read(state), { endpoint: state.endpoint }))
  return { name, help, type: 'gauge', aggregator: 'max', values }
}
