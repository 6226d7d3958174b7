import type { StoredEvent } from '../../metadata/events/events.ts'
import type { AskedRequest } from '../../observe/actor.ts'
import { toldEvent } from '../events/told-event.ts'
import { sentenceOf, type Writing } from './chat-text.ts'
import type { WebhookFormat } from './webhook.ts'

export interface WebhookBody {
  readonly contentType: string
  readonly text: string
}

/** What is posted. `envelope`: of registry:2, which may name what a manifest holds. */
export async function bodyFor(
  format: WebhookFormat,
  event: StoredEvent,
  envelope: (event: StoredEvent) => Promise<WebhookBody>,
): Promise<WebhookBody> {
  switch (format) {
    case 'cloudevents':
      return { contentType: 'application/cloudevents+json; charset=utf-8', text: JSON.stringify(cloudEventOf(event)) }
    case 'registry':
      return await envelope(event)
    case 'slack':
      return json({ text: sentenceOf(event, SLACK) })
    case 'mattermost':
      return json({ text: sentenceOf(event, MARKDOWN) })
    case 'discord':
      // Names that look like a mention call nobody.
      return json({ content: sentenceOf(event, MARKDOWN), allowed_mentions: { parse: [] } })
    case 'teams':
      return json(cardOf(sentenceOf(event, MARKDOWN)))
  }
}

/** CloudEvents 1.0, in its JSON format. */
function cloudEventOf(event: StoredEvent): unknown {
  const { id, at, kind, ...about } = toldEvent(event)
  const root = event.request === null ? '' : (JSON.parse(event.request) as AskedRequest).root
  return {
    specversion: '1.0',
    id,
    source: `${root}/v2/${event.repository}`,
    type: `berth.${kind}`,
    time: at,
    subject: subjectOf(event),
    datacontenttype: 'application/json',
    data: about,
  }
}

function subjectOf({ repository, tag, digest, subject }: StoredEvent): string {
  if (repository === '') return subject ?? 'test'
  if (tag !== null) return `${repository}:${tag}`
  return digest === null ? repository : `${repository}@${digest}`
}

/** What a workflow of Teams posts into a channel. */
function cardOf(text: string): unknown {
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [{ type: 'TextBlock', text, wrap: true }],
  }
  return { type: 'message', attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', content }] }
}

function json(value: unknown): WebhookBody {
  return { contentType: 'application/json', text: JSON.stringify(value) }
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

/** Slack's own rules: these three, and code between backticks. */
const SLACK: Writing = { plain: (text) => text.replace(/[&<>]/g, (sign) => ENTITIES[sign] ?? sign) }
/** A backslash takes the meaning from each sign that has one. */
const MARKDOWN: Writing = { plain: (text) => text.replace(/[\\`*_~|<>@#[\]()!:]/g, '\\$&') }
