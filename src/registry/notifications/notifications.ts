import { hostname } from 'node:os'
import { ensureCursors, listCursors } from '../../metadata/events/cursors.ts'
import { lastEventNumber, type StoredEvent } from '../../metadata/events/events.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Log } from '../../observe/log.ts'
import type { EndpointCounts, EndpointState } from '../../observe/metrics/notification-metrics.ts'
import { pause } from '../../runtime/pause.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { removeOldEvents } from '../events/event-keeping.ts'
import { EventLog } from '../events/event-log.ts'
import { PullEvents } from '../events/pull-events.ts'
import { EndpointDelivery } from './endpoint-delivery.ts'
import { envelopeOf } from './envelope.ts'
import { referencesOf } from './manifest-references.ts'
import type { NotificationSettings } from './settings.ts'

const TIDY_EVERY_MS = 60_000

export interface NotificationsOptions {
  readonly settings: NotificationSettings
  readonly storage: Pick<StorageDriver, 'readSmall'>
  readonly metadata: Metadata
  readonly processId: string
  readonly log: Log
}

/** Events for endpoints that the configuration names: written down by every process, sent by the one that has the duty. */
export class Notifications {
  readonly events: EventLog
  readonly pulls: PullEvents
  readonly #options: NotificationsOptions
  readonly #deliveries: readonly EndpointDelivery[]

  constructor(options: NotificationsOptions) {
    const { settings, metadata, log } = options
    this.#options = options
    this.events = new EventLog(options.processId)
    this.pulls = new PullEvents(options)
    const bodyOf = this.#bodies()
    this.#deliveries = settings.endpoints.map((endpoint) => new EndpointDelivery({ endpoint, metadata, bodyOf, log }))
  }

  /** Before the first request is served: an endpoint that is new is told of all that happens from then on. */
  async begin(): Promise<void> {
    const { metadata, settings, log } = this.#options
    const names = settings.endpoints.map(({ name }) => name)
    await metadata.write((query) => ensureCursors(query, names))
    for (const { name, url } of settings.endpoints)
      log.info('events go to an endpoint', { endpoint: name, url: withoutSecrets(url) })
  }

  /** The duty: until the signal aborts. An endpoint that is slow or away holds up no other one. Throws what the metadata reports. */
  async run(signal: AbortSignal): Promise<void> {
    const ending = new AbortController()
    const end = AbortSignal.any([signal, ending.signal])
    const works = [...this.#deliveries.map((delivery) => delivery.run(end)), this.#tidy(end)]
    await Promise.allSettled(works.map((work) => work.catch((error: unknown) => ending.abort(error))))
    throw end.reason
  }

  counts(): readonly EndpointCounts[] {
    return this.#deliveries.map(({ counts }) => counts)
  }

  async #tidy(signal: AbortSignal): Promise<void> {
    const { metadata, settings } = this.#options
    for (;;) {
      await removeOldEvents(metadata, settings, signal)
      await pause(TIDY_EVERY_MS, signal)
    }
  }

  #bodies(): (event: StoredEvent) => Promise<string> {
    const { settings } = this.#options
    const sourceAddress = settings.port === undefined ? hostname() : `${hostname()}:${settings.port}`
    return async (event) => {
      const references = settings.includesReferences ? await referencesOf(event, this.#options) : []
      return envelopeOf(event, { sourceAddress, references })
    }
  }
}

/** How far the endpoints are. Throws when the metadata does not answer. */
export async function endpointStates({ read }: Metadata): Promise<readonly EndpointState[]> {
  const cursors = await listCursors(read)
  const last = cursors.length === 0 ? 0 : await lastEventNumber(read)
  return cursors.map(({ endpoint, number, lost, failingMs, failure }) => {
    const pending = Math.max(0, last - number)
    return { endpoint, pending, lost, failingMs: failingMs ?? undefined, failure: failure ?? undefined }
  })
}

/** The address may hold a password, and a token behind its `?`. */
function withoutSecrets(text: string): string {
  const { origin, pathname } = new URL(text)
  return `${origin}${pathname}`
}
