import type { StoredEvent } from '../../metadata/events/events.ts'
import { statusText } from '../events/answer-text.ts'
import { type AddressRules, ForbiddenAddressError } from './allowed-address.ts'
import type { Webhook } from './webhook.ts'
import { bodyFor, type WebhookBody } from './webhook-body.ts'
import { postToAllowed } from './webhook-post.ts'
import { signedHeaders } from './webhook-signature.ts'

const MOST_ANSWER = 300

/** What came of a request. */
export interface Sent {
  readonly isTaken: boolean
  /** '202 Accepted', or why there was no answer. */
  readonly answer: string
  /** What the receiver asks for before the next try. */
  readonly waitMs: number
}

export interface WebhookSenderOptions extends AddressRules {
  readonly answerWithinMs: number
  readonly proxy?: string | undefined
  /** In registry:2's form. */
  readonly envelope: (event: StoredEvent) => Promise<WebhookBody>
}

/** Sends one event to one webhook, signed. */
export class WebhookSender {
  readonly #options: WebhookSenderOptions

  constructor(options: WebhookSenderOptions) {
    this.#options = options
  }

  /** Throws the reason of the signal, and what the metadata and the storage report. */
  async send({ url, format, secret }: Webhook, event: StoredEvent, signal: AbortSignal): Promise<Sent> {
    const { contentType, text: body } = await bodyFor(format, event, this.#options.envelope)
    const headers = { 'Content-Type': contentType, ...signedHeaders(secret, { id: event.id, atMs: Date.now(), body }) }
    try {
      const { status, waitSeconds = 0 } = await postToAllowed({ url, headers, body }, { ...this.#options, signal })
      return { isTaken: status >= 200 && status < 300, answer: statusText(status), waitMs: waitSeconds * 1000 }
    } catch (error) {
      if (signal.aborted) throw signal.reason
      return { isTaken: false, answer: sentenceOf(error).slice(0, MOST_ANSWER), waitMs: 0 }
    }
  }
}

function sentenceOf(error: unknown): string {
  if (error instanceof ForbiddenAddressError) return `not sent: ${error.message}`
  return error instanceof Error ? error.message : String(error)
}

/** What a list of deliveries says of an event. */
export function aboutOf({ repository, tag, digest, subject }: StoredEvent): string {
  if (repository === '') return subject ?? ''
  return tag === null
    ? `${repository}${digest === null ? '' : `@${digest.slice(0, 'sha256:'.length + 12)}`}`
    : `${repository}:${tag}`
}
