import { z } from 'zod'
import { RegistryError } from '../../../oci/errors.ts'
import { isPull } from '../../../registry/events/event-kinds.ts'
import {
  changedWebhook,
  type NewWebhook,
  parseNewWebhook,
  shownUrl,
  WEBHOOK_FORMATS,
  WebhookInvalid,
  type WebhookWords,
} from '../../../registry/webhooks/webhook.ts'
import { newWebhookSecret } from '../../../registry/webhooks/webhook-signature.ts'
import { type ServedWebhooks, type ShownWebhook, WebhookRefused } from '../../../registry/webhooks/webhooks.ts'
import { Refusal } from '../../answer/error-response.ts'
import { jsonResponse, type PlainResponse } from '../../answer/responses.ts'
import type { Call } from '../../call.ts'
import type { Route } from '../../routes.ts'
import { administrationOf, bodyOf } from '../accounts/accounts.ts'
import { invalid, parametersIn } from '../parameters.ts'
import { NO_WORDS } from '../remarks.ts'
import { timeOf } from '../shown.ts'
import type { WebhookListRoute, WebhookRoute } from './routes.ts'

const LONGEST_URL = 2_000
const MOST_PATTERNS = 100

const texts = z.array(z.string().min(1).max(300)).max(MOST_PATTERNS)
const words = {
  url: z.string().max(LONGEST_URL).meta({ description: 'Where events are posted. Answers show it without what may be secret.' }),
  format: z.enum(WEBHOOK_FORMATS).optional().meta({ description: 'cloudevents when left out.' }),
  secret: z.string().max(200).optional().meta({ description: 'whsec_ and 24 to 64 bytes in base64; one is made when left out.' }),
  repositories: texts.optional().meta({ description: 'Patterns of repositories; all when left out.' }),
  tag: z.string().max(300).nullable().optional().meta({ description: 'A pattern of tags; null or left out: any, or none.' }),
  kinds: texts.nullable().optional().meta({ description: 'Kinds of events; null or left out: the usual ones of the format.' }),
}

export const NEW_WEBHOOK = z.strictObject({
  name: z.string().max(100).meta({ description: "Lower-case letters, digits, '.', '_' and '-', 64 at most." }),
  ...words,
})
export const CHANGED_WEBHOOK = z.strictObject({
  ...words,
  url: words.url.optional(),
  format: words.format.meta({ description: 'As it was when left out, as all that is left out.' }),
})

/** In the order of their names. */
export async function listApiWebhooks(call: Call<WebhookListRoute>): Promise<PlainResponse> {
  parametersIn(call.route.query, NO_WORDS)
  const { webhooks, unreadable } = await webhooksOf(call).list()
  return jsonResponse({ webhooks: webhooks.map(shownWebhook), unreadable })
}

/** The secret is in this answer, and never shown again. */
export async function addApiWebhook(call: Call<WebhookListRoute>): Promise<PlainResponse> {
  webhooksOf(call)
  parametersIn(call.route.query, NO_WORDS)
  const { name, secret } = await addedWebhook(call, await bodyOf(call.request, NEW_WEBHOOK))
  return jsonResponse({ name, secret }, { 'Cache-Control': 'no-store' }, 201)
}

/** Throws what is to be answered. */
export async function addedWebhook(
  call: Call<Route>,
  { secret = newWebhookSecret(), format = 'cloudevents', ...said }: z.output<typeof NEW_WEBHOOK>,
): Promise<NewWebhook> {
  const webhooks = webhooksOf(call)
  return await answered(async () => {
    const added = parseNewWebhook(without({ ...said, secret, format }))
    requireTold(call, added)
    return await webhooks.add(added, call.actor.name)
  })
}

/** What the body leaves out stays; null takes a pattern away. */
export async function changeApiWebhook(call: Call<WebhookRoute>): Promise<PlainResponse> {
  const webhooks = webhooksOf(call)
  const { webhook: name, query } = call.route
  parametersIn(query, NO_WORDS)
  const said = await bodyOf(call.request, CHANGED_WEBHOOK)
  await answered(() =>
    webhooks.change(name, (before) => {
      const changed = changedWebhook(before, said)
      requireTold(call, changed)
      return changed
    }),
  )
  return jsonResponse({ name })
}

export async function removeApiWebhook(call: Call<WebhookRoute>): Promise<PlainResponse> {
  const webhooks = webhooksOf(call)
  const { webhook: name, query } = call.route
  parametersIn(query, NO_WORDS)
  await answered(() => webhooks.remove(name))
  return jsonResponse({ name })
}

/** Throws UNSUPPORTED where there are no admins, or no events. */
export function webhooksOf(call: Pick<Call<Route>, 'registry'>): ServedWebhooks {
  // Without them every caller could make the registry send requests.
  administrationOf(call)
  if (call.registry.webhooks !== undefined) return call.registry.webhooks
  throw new RegistryError('UNSUPPORTED', { message: 'Events are switched off here; the operator can set events.enabled.' })
}

/** Runs what is asked of webhooks. What there is not, and what cannot be, is no failure of the registry. */
export async function answered<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof WebhookInvalid) throw invalid(cause.message.replace(/\.$/, ''))
    if (!(cause instanceof WebhookRefused)) throw cause
    const { kind, message } = cause
    if (kind === 'forbidden') throw new Refusal('PARAMETER_INVALID', { status: 400, message, cause })
    throw kind === 'unknown'
      ? new Refusal('NAME_UNKNOWN', { status: 404, message, cause })
      : new Refusal('DENIED', { status: 409, message, cause })
  }
}

/** Throws WebhookInvalid for pulls where none are written down. */
function requireTold({ registry }: Pick<Call<Route>, 'registry'>, { kinds }: NewWebhook): void {
  if (kinds?.some(isPull) !== true || registry.pullEvents !== undefined) return
  throw new WebhookInvalid('kinds: pulls are no events here; the operator can set events.pulls: true.')
}

function without(said: Readonly<Record<string, unknown>>): WebhookWords {
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== null))
}

function shownWebhook({ webhook, waiting, aside, lost, failingMs, failure }: ShownWebhook) {
  const { name, format, repositories, tag, kinds, createdAt, by } = webhook
  return {
    ...{ name, format, url: shownUrl(webhook), repositories: repositories.map(String), tag: tag?.text ?? null },
    ...{ kinds: kinds ?? null, created: createdAt.toISOString(), by: by ?? null },
    ...{ waiting, aside, lost, failingSince: timeOf(failingMs), failure: failure ?? null },
  }
}
