import { RepositoryGlob } from '../../oci/repository-glob.ts'
import { TagGlob } from '../../oci/tag-glob.ts'
import type { EventFilter } from '../events/event-filter.ts'
import { type EventKind, findEventKind, KINDS_WITHOUT_PULLS } from '../events/event-kinds.ts'
import { isWebhookSecret } from './webhook-signature.ts'

/** In which form a receiver gets an event: as CloudEvents 1.0, in registry:2's envelope, or as a line of text in a chat. */
export const WEBHOOK_FORMATS = ['cloudevents', 'registry', 'slack', 'mattermost', 'discord', 'teams'] as const
export type WebhookFormat = (typeof WEBHOOK_FORMATS)[number]

/** What an operator says of a webhook. */
export interface NewWebhook {
  readonly name: string
  /** It may hold a secret: those of chats are nothing else. */
  readonly url: string
  readonly format: WebhookFormat
  /** `whsec_…`: each request is signed with it. */
  readonly secret: string
  readonly repositories: readonly RepositoryGlob[]
  readonly tag: TagGlob | undefined
  /** Undefined: those that are usual for its format. */
  readonly kinds: readonly EventKind[] | undefined
}

/** A receiver of events that an operator has added while the registry serves. */
export interface Webhook extends NewWebhook {
  readonly createdAt: Date
  /** The caller that added it. */
  readonly by: string | undefined
  /** Drawn at random with each write of its record. */
  readonly mark: string
}

/** What cannot be a webhook. The message is a sentence for its operator. */
export class WebhookInvalid extends Error {
  override readonly name = 'WebhookInvalid'
}

/** Words of an operator, or fields of a record. */
export type WebhookWords = Readonly<Record<string, unknown>>

/** People read them: one line for an image is enough. */
const CHAT_KINDS: readonly EventKind[] = ['manifest.push', 'manifest.delete', 'manifest.undelete', 'tag.delete']
/** What registry:2 tells. */
const REGISTRY_KINDS: readonly EventKind[] = KINDS_WITHOUT_PULLS.filter((kind) =>
  /^(blob|manifest|tag)\.(push|mount|delete|undelete)$/.test(kind),
)
const MOST_PATTERNS = 100
const LONGEST_URL = 2_000

export function filterOf({ format, kinds, repositories, tag }: NewWebhook): EventFilter {
  return { kinds: kinds ?? usualKinds(format), repositories, tag }
}

function usualKinds(format: WebhookFormat): readonly EventKind[] {
  if (format === 'cloudevents') return KINDS_WITHOUT_PULLS
  return format === 'registry' ? REGISTRY_KINDS : CHAT_KINDS
}

/** The URL without what may be secret in it. */
export function shownUrl({ url, format }: Pick<Webhook, 'url' | 'format'>): string {
  const { origin, pathname } = new URL(url)
  return format === 'cloudevents' || format === 'registry' ? `${origin}${pathname}` : `${origin}/…`
}

/** Throws WebhookInvalid with the first mistake. */
export function parseNewWebhook({ name, url, format, secret, repositories, tag, kinds }: WebhookWords): NewWebhook {
  return {
    name: nameIn(name),
    url: urlIn(url),
    format: formatIn(format),
    secret: secretIn(secret),
    repositories: listIn(
      repositories ?? [],
      'repositories',
      (text) => RepositoryGlob.find(text),
      'is not a pattern for repository names',
    ),
    tag: tag === undefined ? undefined : tagIn(tag),
    kinds: kinds === undefined ? undefined : listIn(kinds, 'kinds', findEventKind, 'is no kind of event'),
  }
}

/** What the words name is changed, and what they leave out stays; null takes the tag or the kinds away. Throws WebhookInvalid with the first mistake. */
export function changedWebhook({ repositories, tag, ...before }: NewWebhook, words: WebhookWords): NewWebhook {
  const said = Object.entries(words).filter(([, value]) => value !== undefined)
  const { name } = before
  const all = { ...before, repositories: repositories.map(String), tag: tag && String(tag), ...Object.fromEntries(said), name }
  return parseNewWebhook({ ...all, tag: all.tag ?? undefined, kinds: all.kinds ?? undefined })
}

/** Undefined for what is no record of a webhook. */
export function findWebhook(text: string): Webhook | undefined {
  try {
    const record: unknown = JSON.parse(text)
    if (typeof record !== 'object' || record === null) return undefined
    const { version, createdAt, by, mark, ...words } = { ...record } as WebhookWords
    const at = new Date(textIn(createdAt, 'createdAt'))
    if (version !== 1 || Number.isNaN(at.getTime())) return undefined
    return {
      ...parseNewWebhook(words),
      createdAt: at,
      by: by === undefined ? undefined : textIn(by, 'by'),
      mark: textIn(mark, 'mark'),
    }
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof WebhookInvalid) return undefined
    throw error
  }
}

export function formatWebhook({ repositories, tag, ...webhook }: Webhook): string {
  return `${JSON.stringify({ version: 1, ...webhook, repositories: repositories.map(String), tag: tag && String(tag) })}\n`
}

export function isWebhookName(text: string): boolean {
  return /^[a-z0-9][a-z0-9._-]{0,63}$/.test(text)
}

function nameIn(value: unknown): string {
  const name = textIn(value, 'name')
  if (isWebhookName(name)) return name
  throw invalid('name', name, "is no name of a webhook; use lower-case letters, digits, '.', '_' and '-', 64 at most")
}

function urlIn(value: unknown): string {
  const url = textIn(value, 'url')
  if (url.length <= LONGEST_URL && /^https?:\/\//i.test(url) && URL.canParse(url)) return url
  // It may be a secret.
  throw new WebhookInvalid('url: is not a URL; write it as https://host/path.')
}

function formatIn(value: unknown): WebhookFormat {
  const format = WEBHOOK_FORMATS.find((each) => each === value)
  if (format !== undefined) return format
  throw invalid('format', String(value), `is none; there are ${WEBHOOK_FORMATS.join(', ')}`)
}

function secretIn(value: unknown): string {
  const secret = textIn(value, 'secret')
  if (isWebhookSecret(secret)) return secret
  throw new WebhookInvalid('secret: is no secret of the Standard Webhooks: whsec_ and 24 to 64 bytes in base64.')
}

function tagIn(value: unknown): TagGlob {
  const text = textIn(value, 'tag')
  const tag = TagGlob.find(text)
  if (tag !== undefined) return tag
  throw invalid('tag', text, 'is no pattern for tags')
}

function listIn<Value>(values: unknown, field: string, find: (text: string) => Value | undefined, rule: string): Value[] {
  if (!Array.isArray(values) || values.length > MOST_PATTERNS)
    throw new WebhookInvalid(`${field}: is no list, or one of more than ${MOST_PATTERNS}.`)
  return values.map((each: unknown) => {
    const text = textIn(each, field)
    const found = find(text)
    if (found === undefined) throw invalid(field, text, rule)
    return found
  })
}

function textIn(value: unknown, field: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw new WebhookInvalid(`${field}: is missing, or no text.`)
}

function invalid(field: string, text: string, rule: string): WebhookInvalid {
  return new WebhookInvalid(`${field}: ${JSON.stringify(text.slice(0, 200))} ${rule}.`)
}
