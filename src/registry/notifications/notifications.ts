import { hostname } from 'node:os'
import { ensureCursors, listCursors } from '../../metadata/events/cursors.ts'
import { insertEvents, lastEventNumber, type StoredEvent } from '../../metadata/events/events.ts'
import type { Metadata } from '../../metadata/query.ts'
import { listWebhookRows } from '../../metadata/webhooks/webhooks.ts'
import type { Log } from '../../observe/log.ts'
import type { EndpointCounts, EndpointState } from '../../observe/metrics/notification-metrics.ts'
import { pause } from '../../runtime/pause.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { AccountEvents, type WatchedAccounts } from '../events/account-events.ts'
import { newEvent } from '../events/content-event.ts'
import { removeOldEvents } from '../events/event-keeping.ts'
import { EventListeners } from '../events/event-listeners.ts'
import { EventLog } from '../events/event-log.ts'
import { PullEvents } from '../events/pull-events.ts'
import { resolveWithSystem } from '../webhooks/allowed-address.ts'
import { WebhookDuty } from '../webhooks/webhook-duty.ts'
import { WebhookRecords } from '../webhooks/webhook-records.ts'
import { WEBHOOK_PATIENCE } from '../webhooks/webhook-retries.ts'
import { WebhookSender } from '../webhooks/webhook-sender.ts'
import { Webhooks } from '../webhooks/webhooks.ts'
import { type BodyOf, EndpointDelivery } from './endpoint-delivery.ts'
import { ENVELOPE_TYPE, envelopeOf, type ToldEvent, toldEvent } from './envelope.ts'
import { referencesOf } from './manifest-references.ts'
import type { NotificationSettings } from './settings.ts'

const TIDY_EVERY_MS = 60_000
const NOBODY = { name: undefined, address: undefined, requestId: undefined }

export interface NotificationsOptions {
  readonly settings: NotificationSettings
  readonly storage: Pick<StorageDriver, 'readSmall' | 'list' | 'place' | 'remove'>
  readonly metadata: Metadata
  readonly processId: string
  readonly epoch: number
  /** Undefined: their changes are no events. */
  readonly accounts?: WatchedAccounts | undefined
  readonly log: Log
}

/** Events: written down and told to listeners by every process, sent to the endpoints of the configuration by the one that has the duty. */
export class Notifications {
  readonly events: EventLog
  /** Undefined: pulls are no events. */
  readonly pulls: PullEvents | undefined
  readonly listeners: EventListeners
  readonly webhooks: Webhooks
  /** Undefined where no account is kept here. */
  readonly accounts: AccountEvents | undefined
  readonly #options: NotificationsOptions
  readonly #deliveries: readonly EndpointDelivery[]
  readonly #webhookDuty: WebhookDuty

  constructor(options: NotificationsOptions) {
    const { settings, metadata, log } = options
    this.#options = options
    this.events = new EventLog(options.processId)
    this.pulls = settings.recordsPulls ? new PullEvents(options) : undefined
    this.accounts = options.accounts && new AccountEvents({ ...options, accounts: options.accounts })
    this.listeners = new EventListeners({ metadata, log, listenersAtMost: settings.listenersAtMost })
    const bodyOf = this.#bodies()
    const webhooks = webhooksOf(options, bodyOf)
    this.webhooks = webhooks.service
    this.#webhookDuty = webhooks.duty
    this.#deliveries = settings.endpoints.map((endpoint) => new EndpointDelivery({ endpoint, metadata, bodyOf, log }))
  }

  /** Before the first request is served: an endpoint that is new is told of all that happens from then on. */
  async begin(): Promise<void> {
    const { metadata, settings, log } = this.#options
    const names = settings.endpoints.map(({ name }) => name)
    await metadata.write((query) => ensureCursors(query, names))
    await this.webhooks.begin()
    for (const { name, url } of settings.endpoints)
      log.info('events go to an endpoint', { endpoint: name, url: withoutSecrets(url) })
  }

  /** The duty: until the signal aborts. An endpoint that is slow or away holds up no other one. Throws what the metadata reports. */
  async run(signal: AbortSignal): Promise<void> {
    const ending = new AbortController()
    const end = AbortSignal.any([signal, ending.signal])
    const works = [...this.#deliveries.map((delivery) => delivery.run(end)), this.#webhookDuty.run(end), this.#tidy(end)]
    await Promise.allSettled(works.map((work) => work.catch((error: unknown) => ending.abort(error))))
    throw end.reason
  }

  /** An upstream fails, or answers again. Nothing waits for that to be written down, and the log tells where it cannot. */
  noteUpstream(upstream: string, isFailing: boolean): void {
    const { metadata, processId, log } = this.#options
    const happened = { action: isFailing ? 'fail' : 'recover', kind: 'mirror', repository: '', subject: upstream } as const
    const event = newEvent(happened, NOBODY, processId)
    metadata
      .write((query) => insertEvents(query, [event]))
      .catch((error: unknown) => log.warn('the state of an upstream was not written down', { upstream, error }))
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

  #bodies(): BodyOf {
    const { settings } = this.#options
    const sourceAddress = settings.port === undefined ? hostname() : `${hostname()}:${settings.port}`
    return async (events) => {
      const told: ToldEvent[] = []
      for (const event of events) {
        const references = settings.includesReferences ? await referencesOf(event, this.#options) : []
        told.push(toldEvent(event, { sourceAddress, references }))
      }
      return envelopeOf(told)
    }
  }
}

function webhooksOf(options: NotificationsOptions, bodyOf: BodyOf) {
  const { storage, metadata, settings, log } = options
  const records = new WebhookRecords(storage)
  const patience = WEBHOOK_PATIENCE
  const addresses = { allowsLoopback: settings.webhooks.allowsLoopback, resolve: resolveWithSystem }
  const envelope = async (event: StoredEvent) => ({ contentType: ENVELOPE_TYPE, text: await bodyOf([event]) })
  const sender = new WebhookSender({
    ...addresses,
    answerWithinMs: patience.answerWithinMs,
    proxy: settings.webhooks.proxy,
    envelope,
  })
  return {
    service: new Webhooks({ ...options, records, sender, addresses }),
    duty: new WebhookDuty({ metadata, records, sender, patience, log }),
  }
}

/** How far the endpoints and the webhooks are. Throws when the metadata does not answer. */
export async function endpointStates({ read }: Metadata): Promise<readonly EndpointState[]> {
  const cursors = await listCursors(read)
  const rows = await listWebhookRows(read)
  const last = cursors.length + rows.length === 0 ? 0 : await lastEventNumber(read)
  const webhooks = rows.map(({ name, ...row }) => ({ ...row, endpoint: `webhook/${name}` }))
  return [...cursors, ...webhooks].map(({ endpoint, number, lost, failingMs, failure }) => {
    const pending = Math.max(0, last - number)
    return { endpoint, pending, lost, failingMs: failingMs ?? undefined, failure: failure ?? undefined }
  })
}

/** The address may hold a password, and a token behind its `?`. */
function withoutSecrets(text: string): string {
  const { origin, pathname } = new URL(text)
  return `${origin}${pathname}`
}
