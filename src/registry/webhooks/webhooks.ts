import type { StoredEvent } from '../../metadata/events/events.ts'
import type { Metadata } from '../../metadata/query.ts'
import { readProperty, writeProperty } from '../../metadata/scans.ts'
import {
  countDeliveries,
  type Delivery,
  type DeliveryState,
  listDeliveries,
  retryAside,
} from '../../metadata/webhooks/deliveries.ts'
import {
  deleteWebhookRow,
  listWebhookRows,
  putWebhookRow,
  replayWebhook,
  type WebhookRow,
} from '../../metadata/webhooks/webhooks.ts'
import { type AddressRules, allowedAddress, ForbiddenAddressError } from './allowed-address.ts'
import type { NewWebhook, Webhook } from './webhook.ts'
import type { WebhookRecords } from './webhook-records.ts'
import type { Sent, WebhookSender } from './webhook-sender.ts'

export interface WebhooksOptions {
  readonly records: WebhookRecords
  readonly metadata: Metadata
  readonly sender: WebhookSender
  readonly addresses: AddressRules
  readonly processId: string
  readonly epoch: number
}

/** A webhook and how it is. */
export interface ShownWebhook {
  readonly webhook: Webhook
  readonly waiting: number
  readonly aside: number
  readonly lost: number
  readonly failingMs: number | undefined
  readonly failure: string | undefined
}

/** What a server does with them on behalf of admins. */
export type ServedWebhooks = Pick<
  Webhooks,
  'add' | 'change' | 'list' | 'remove' | 'test' | 'deliveries' | 'replayFrom' | 'replayAside'
>

/** What an operator asked for cannot be done. Its message says what to do. */
export class WebhookRefused extends Error {
  override readonly name = 'WebhookRefused'
  readonly kind: 'unknown' | 'exists' | 'forbidden'

  constructor(message: string, { kind, cause }: { readonly kind: WebhookRefused['kind']; readonly cause?: unknown }) {
    super(message, { cause })
    this.kind = kind
  }
}

/**
 * Webhooks, as operators add and remove them: records in the storage, so that they outlive the metadata, and rows that say how far each is. The storage
 * is right before a row says so; what a crash has cut is found by the next start of an epoch.
 */
export class Webhooks {
  readonly #options: WebhooksOptions

  constructor(options: WebhooksOptions) {
    this.#options = options
  }

  /** Before the first request is served: a record without a row is told of all that happens from then on. Looks once in each epoch. */
  async begin(): Promise<void> {
    const { records, metadata, epoch } = this.#options
    if (Number(await readProperty(metadata.read, 'webhooks-epoch')) === epoch) return
    const found = new Map<string, string>()
    for (const name of await records.names()) {
      const webhook = await records.find(name)
      if (webhook !== undefined) found.set(name, webhook === 'unreadable' ? 'unreadable' : webhook.mark)
    }
    await metadata.write(async (query) => {
      for (const { name } of await listWebhookRows(query)) if (!found.has(name)) await deleteWebhookRow(query, name)
      for (const [name, mark] of found) await putWebhookRow(query, name, mark)
      await writeProperty(query, 'webhooks-epoch', String(epoch))
    })
  }

  /** Throws WebhookRefused where there is one of this name, and for an address that is not allowed. */
  async add(added: NewWebhook, by: string | undefined): Promise<Webhook> {
    const { records, metadata } = this.#options
    await this.#requireAllowed(added.url)
    if ((await records.find(added.name)) !== undefined)
      throw new WebhookRefused(`There is a webhook ${added.name} already; remove it first, or choose another name.`, {
        kind: 'exists',
      })
    const webhook = { ...added, createdAt: new Date(), by, mark: crypto.randomUUID() }
    await records.write(webhook)
    await metadata.write(async (query) => {
      // One of this name that was cut while it was removed had another address.
      await deleteWebhookRow(query, webhook.name)
      await putWebhookRow(query, webhook.name, webhook.mark)
    })
    return webhook
  }

  /** It goes on where it was. Throws WebhookRefused where there is none, and for an address that is not allowed, and what `changed` throws. */
  async change(name: string, changed: (before: NewWebhook) => NewWebhook): Promise<Webhook> {
    const { records, metadata } = this.#options
    const before = await this.#require(name)
    const webhook = { ...before, ...changed(before), mark: crypto.randomUUID() }
    await this.#requireAllowed(webhook.url)
    await records.write(webhook)
    await metadata.write((query) => putWebhookRow(query, name, webhook.mark))
    return webhook
  }

  /** In the order of their names; those whose records cannot be read by their names alone. */
  async list(): Promise<{ readonly webhooks: readonly ShownWebhook[]; readonly unreadable: readonly string[] }> {
    const { records, metadata } = this.#options
    const rows = await listWebhookRows(metadata.read)
    const webhooks: ShownWebhook[] = []
    const unreadable: string[] = []
    for (const name of await records.names()) {
      const webhook = await records.find(name)
      if (webhook === 'unreadable') unreadable.push(name)
      else if (webhook !== undefined) webhooks.push(await this.#shown(webhook, rows))
    }
    return { webhooks, unreadable }
  }

  /** Throws WebhookRefused where there is none. */
  async remove(name: string): Promise<void> {
    const { records, metadata } = this.#options
    if ((await records.find(name)) === undefined) throw unknown(name)
    await records.remove(name)
    await metadata.write((query) => deleteWebhookRow(query, name))
  }

  /** Sends something that never happened, once. Throws WebhookRefused where there is none. */
  async test(name: string, signal: AbortSignal): Promise<Sent> {
    return await this.#options.sender.send(await this.#require(name), this.#testEvent(), signal)
  }

  /** What became of what was sent, the newest first. Throws WebhookRefused where there is none. */
  async deliveries(
    name: string,
    words: { readonly state: DeliveryState | undefined; readonly limit: number },
  ): Promise<readonly Delivery[]> {
    await this.#require(name)
    return await listDeliveries(this.#options.metadata.read, name, words)
  }

  /** Everything from this moment on is sent again, as far as it is kept. Gives how many events there are. Throws WebhookRefused where there is none. */
  async replayFrom(name: string, fromMs: number): Promise<number> {
    await this.#require(name)
    return await this.#options.metadata.write((query) => replayWebhook(query, name, fromMs))
  }

  /** What was set aside is tried again. Gives how many events these are. Throws WebhookRefused where there is none. */
  async replayAside(name: string): Promise<number> {
    await this.#require(name)
    return await this.#options.metadata.write((query) => retryAside(query, name, Date.now()))
  }

  async #require(name: string): Promise<Webhook> {
    const webhook = await this.#options.records.find(name)
    if (webhook === undefined) throw unknown(name)
    if (webhook === 'unreadable')
      throw new WebhookRefused(`The record of the webhook ${name} cannot be read; remove it and add it anew.`, {
        kind: 'unknown',
      })
    return webhook
  }

  async #shown(webhook: Webhook, rows: readonly WebhookRow[]): Promise<ShownWebhook> {
    const { waiting, aside } = await countDeliveries(this.#options.metadata.read, webhook.name)
    const row = rows.find(({ name }) => name === webhook.name)
    const { lost = 0, failingMs, failure } = row ?? {}
    return { webhook, waiting, aside, lost, failingMs: failingMs ?? undefined, failure: failure ?? undefined }
  }

  /** A name that cannot be resolved now is no reason: each request looks anew. */
  async #requireAllowed(url: string): Promise<void> {
    try {
      await allowedAddress(new URL(url).hostname, this.#options.addresses)
    } catch (error) {
      if (error instanceof ForbiddenAddressError)
        throw new WebhookRefused(`${error.message}.`, { kind: 'forbidden', cause: error })
    }
  }

  #testEvent(): StoredEvent {
    return {
      ...{ number: 0, id: crypto.randomUUID(), atMs: Date.now(), action: 'test', kind: 'webhook', repository: '' },
      ...{ digest: null, tag: null, before: null, mediaType: null, size: null, source: null, actor: null, address: null },
      ...{ subject: null, count: null },
      ...{ requestId: null, request: null, process: this.#options.processId },
    }
  }
}

function unknown(name: string): WebhookRefused {
  return new WebhookRefused(`There is no webhook ${JSON.stringify(name.slice(0, 100))}; see them with webhook list.`, {
    kind: 'unknown',
  })
}
