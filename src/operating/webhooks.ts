import { StartError } from '../composition/start-error.ts'
import type { Config } from '../config/config.ts'
import type { Log } from '../observe/log.ts'
import { isPull } from '../registry/events/event-kinds.ts'
import { parseNewWebhook, shownUrl, WebhookInvalid } from '../registry/webhooks/webhook.ts'
import { newWebhookSecret } from '../registry/webhooks/webhook-signature.ts'
import { WebhookRefused, type Webhooks } from '../registry/webhooks/webhooks.ts'
import { withContent } from './content-registry.ts'

const MOST_LISTED = 1_000

/** Works at the webhooks of a registry, beside a server or while none runs. */
export interface WebhookWork {
  readonly config: Config
  readonly log: Log
  readonly signal: AbortSignal
}

/** What a command line says. */
export interface WebhookCommand {
  readonly name: string
  readonly url: string
  readonly format: string
  /** Undefined: one is made. */
  readonly secret: string | undefined
  readonly repositories: readonly string[]
  readonly tag: string | undefined
  readonly kinds: readonly string[] | undefined
}

/** Gives the secret with which requests are signed. Throws StartError, also for what cannot be a webhook. */
export async function addWebhook(command: WebhookCommand, work: WebhookWork): Promise<string> {
  requireWritable(work.config)
  const added = explained(() => parseNewWebhook({ ...command, secret: command.secret ?? newWebhookSecret() }))
  if (added.kinds?.some(isPull) === true && work.config.notifications?.recordsPulls !== true)
    throw new StartError('Pulls are no events here; set events.pulls: true.')
  await withWebhooks(work, (webhooks) => webhooks.add(added, undefined))
  return added.secret
}

/** In the order of their names, without what is secret. Throws StartError. */
export async function listWebhooks(work: WebhookWork) {
  const { webhooks, unreadable } = await withWebhooks(work, (all) => all.list())
  return {
    unreadable,
    webhooks: webhooks.map(({ webhook, failingMs, ...state }) => ({
      ...{ name: webhook.name, format: webhook.format, url: shownUrl(webhook) },
      ...{ repositories: webhook.repositories.map(String), tag: webhook.tag?.text, kinds: webhook.kinds },
      ...{ ...state, failingSince: failingMs === undefined ? undefined : new Date(failingMs) },
    })),
  }
}

/** Throws StartError where there is none. */
export async function removeWebhook(name: string, work: WebhookWork): Promise<void> {
  requireWritable(work.config)
  await withWebhooks(work, (webhooks) => webhooks.remove(name))
}

/** Throws StartError where there is none. */
export async function testWebhook(
  name: string,
  work: WebhookWork,
): Promise<{ readonly isTaken: boolean; readonly answer: string }> {
  return await withWebhooks(work, (webhooks, signal) => webhooks.test(name, signal))
}

/** The newest first. Throws StartError where there is no such webhook. */
export async function listWebhookDeliveries(
  { name, state }: { readonly name: string; readonly state: 'waiting' | 'aside' | 'done' | undefined },
  work: WebhookWork,
) {
  const found = await withWebhooks(work, (webhooks) => webhooks.deliveries(name, { state, limit: MOST_LISTED }))
  return found.map(({ event, kind, about, state: now, attempts, triedMs, nextMs, answer }) => ({
    ...{ event, kind, about, state: now, attempts, answer },
    tried: triedMs === null ? undefined : new Date(triedMs),
    next: nextMs === null ? undefined : new Date(nextMs),
  }))
}

/** `fromMs`: everything from then on; undefined: what was set aside. Gives how many events these are. Throws StartError where there is none. */
export async function replayWebhook(name: string, fromMs: number | undefined, work: WebhookWork): Promise<number> {
  requireWritable(work.config)
  return await withWebhooks(work, (webhooks) =>
    fromMs === undefined ? webhooks.replayAside(name) : webhooks.replayFrom(name, fromMs),
  )
}

async function withWebhooks<Result>(
  { config, log, signal }: WebhookWork,
  work: (webhooks: Webhooks, signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  if (config.notifications === undefined)
    throw new StartError('events.enabled is false: no event is written down, and none can be sent.')
  return await withContent(config, log, signal, async ({ registry, signal: ending }) => {
    const { notifications } = registry
    if (notifications === undefined) throw new StartError('Nothing can be written here, so there are no events.')
    return await work(notifications.webhooks, ending).catch((error: unknown) => {
      throw startErrorOf(error)
    })
  })
}

function explained<Result>(work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    throw startErrorOf(error)
  }
}

function startErrorOf(error: unknown): unknown {
  const isKnown = error instanceof WebhookRefused || error instanceof WebhookInvalid
  return isKnown ? new StartError(error.message, { cause: error }) : error
}

function requireWritable({ storage }: Config): void {
  if (!storage.readOnly) return
  throw new StartError('storage.maintenance.readonly.enabled is true: nothing is changed while the storage is to stay as it is.')
}
