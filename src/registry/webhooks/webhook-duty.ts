import type { Metadata } from '../../metadata/query.ts'
import { listWebhookRows, type WebhookRow } from '../../metadata/webhooks/webhooks.ts'
import type { Log } from '../../observe/log.ts'
import { pause } from '../../runtime/pause.ts'
import { WebhookDelivery } from './webhook-delivery.ts'
import type { WebhookRecords } from './webhook-records.ts'
import type { WebhookPatience } from './webhook-retries.ts'
import type { WebhookSender } from './webhook-sender.ts'

const LOOK_EVERY_MS = 200

export interface WebhookDutyOptions {
  readonly metadata: Metadata
  readonly records: WebhookRecords
  readonly sender: WebhookSender
  readonly patience: WebhookPatience
  readonly log: Log
}

interface Running {
  /** What it goes by: another record, or a replay, begins another one. */
  readonly basis: string
  readonly ending: AbortController
  readonly ended: Promise<void>
}

/** Sends events to all webhooks, of which one that is slow or away holds up no other, and takes up what commands and other processes change. */
export class WebhookDuty {
  readonly #options: WebhookDutyOptions

  constructor(options: WebhookDutyOptions) {
    this.#options = options
  }

  /** Until the signal aborts: then it throws its reason. Throws what the metadata and the storage report. */
  async run(signal: AbortSignal): Promise<void> {
    const running = new Map<string, Running>()
    const broken = new AbortController()
    const end = AbortSignal.any([signal, broken.signal])
    try {
      for (;;) {
        end.throwIfAborted()
        const revision = await this.#options.metadata.revision()
        const known = await listWebhookRows(this.#options.metadata.read)
        // What ended has written down how far it was.
        const rows = (await this.#endChanged(running, known)) ? await listWebhookRows(this.#options.metadata.read) : known
        for (const row of rows) if (!running.has(row.name)) running.set(row.name, await this.#begin(row, end, broken))
        do await pause(LOOK_EVERY_MS, end)
        while ((await this.#options.metadata.revision()) === revision)
      }
    } finally {
      broken.abort(new Error('the work has ended'))
      await Promise.all([...running.values()].map(({ ended }) => ended))
    }
  }

  /** True: there were some. */
  async #endChanged(running: Map<string, Running>, rows: readonly WebhookRow[]): Promise<boolean> {
    const before = running.size
    for (const [name, { basis, ending, ended }] of running) {
      if (rows.some((row) => row.name === name && basisOf(row) === basis)) continue
      ending.abort(new Error('the webhook has changed'))
      await ended
      running.delete(name)
    }
    return running.size < before
  }

  async #begin(row: WebhookRow, signal: AbortSignal, broken: AbortController): Promise<Running> {
    const { records, log } = this.#options
    const ending = new AbortController()
    const webhook = await records.find(row.name)
    if (webhook === 'unreadable') log.error('the record of a webhook cannot be read: it gets no events', { webhook: row.name })
    if (webhook === undefined || webhook === 'unreadable') return { basis: basisOf(row), ending, ended: Promise.resolve() }
    const delivery = new WebhookDelivery({ ...this.#options, webhook, row })
    const ends = AbortSignal.any([signal, ending.signal])
    const ended = delivery.run(ends).catch((error: unknown) => {
      if (!ends.aborted) broken.abort(error)
    })
    return { basis: basisOf(row), ending, ended }
  }
}

function basisOf({ mark, turn }: WebhookRow): string {
  return `${mark} ${turn}`
}
