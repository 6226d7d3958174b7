import {
  addWebhook,
  listWebhookDeliveries,
  listWebhooks,
  removeWebhook,
  replayWebhook,
  testWebhook,
  type WebhookWork,
} from '../../operating/webhooks.ts'
import { findSpanMs } from '../../runtime/duration.ts'
import { minute, printList, remark } from '../accounts/account-output.ts'
import { readLine } from '../accounts/password-input.ts'
import { CommandError } from '../command-error.ts'
import { endOnSignal, exitWhenRead } from '../exit.ts'
import { explained, quietLog, writeLine } from '../retention/command-work.ts'
import { ensureRuntimeSettings } from '../serve/re-execute.ts'
import { loadServedConfig } from '../storage/served-config.ts'

interface ConfigOption {
  readonly config?: string
}

export interface AddOptions extends ConfigOption {
  readonly format: string
  readonly repository?: readonly string[]
  readonly tag?: string
  readonly kind?: readonly string[]
  readonly secretStdin?: boolean
  readonly quiet?: boolean
}

/** Throws CommandError. */
export async function addCommand(name: string, url: string, options: AddOptions): Promise<void> {
  const { format, repository: repositories = [], tag, kind: kinds, secretStdin = false, quiet = false } = options
  if (secretStdin && url === '-') throw new CommandError('failed to add: either the URL or the secret comes on standard input.')
  const said = { url: url === '-' ? await readLine() : url, secret: secretStdin ? await readLine() : undefined }
  const secret = await run('failed to add', options, (work) =>
    addWebhook({ name, ...said, format, repositories, tag, kinds }, work),
  )
  writeLine(secret)
  if (!quiet) {
    remark('requests are signed with this secret by the rules of standardwebhooks.com; it is not shown again.')
    remark(`berth webhook test ${name} sends a first event.`)
  }
  await exitWhenRead(0)
}

export interface ListOptions extends ConfigOption {
  readonly json?: boolean
}

/** Throws CommandError. */
export async function listCommand(options: ListOptions): Promise<void> {
  const { webhooks, unreadable } = await run('failed to list', options, listWebhooks)
  type Entry = (typeof webhooks)[number]
  const columns = {
    WEBHOOK: ({ name }: Entry) => name,
    FORMAT: ({ format }: Entry) => format,
    URL: ({ url }: Entry) => url,
    STATE: ({ failure, waiting, aside }: Entry) => {
      const well = failure === undefined ? 'takes events' : `takes none: ${failure}`
      return `${well}; ${waiting} wait for another try, ${aside} set aside`
    },
  }
  printList(webhooks, columns, { ...options, none: 'There are no webhooks; berth webhook add NAME URL adds one.' })
  for (const name of unreadable) remark(`the record of the webhook ${name} cannot be read; remove it and add it anew.`)
  await exitWhenRead(0)
}

/** Throws CommandError. */
export async function removeCommand(name: string, options: ConfigOption): Promise<void> {
  await run('failed to remove', options, (work) => removeWebhook(name, work))
  writeLine(`The webhook ${name} is removed.`)
  await exitWhenRead(0)
}

/** Throws CommandError. */
export async function testCommand(name: string, options: ConfigOption): Promise<void> {
  const { isTaken, answer } = await run('failed to test', options, (work) => testWebhook(name, work))
  writeLine(isTaken ? `${name} takes it: ${answer}` : `${name} does not take it: ${answer}`)
  await exitWhenRead(isTaken ? 0 : 1)
}

export interface DeliveriesOptions extends ListOptions {
  readonly state?: 'waiting' | 'aside' | 'done'
}

/** Throws CommandError. */
export async function deliveriesCommand(name: string, options: DeliveriesOptions): Promise<void> {
  const deliveries = await run('failed to list', options, (work) => listWebhookDeliveries({ name, state: options.state }, work))
  type Entry = (typeof deliveries)[number]
  const columns = {
    TRIED: ({ tried }: Entry) => (tried === undefined ? '' : minute(tried)),
    KIND: ({ kind }: Entry) => kind,
    ABOUT: ({ about }: Entry) => about,
    STATE: ({ state, next }: Entry) => (next === undefined ? state : `${state} until ${minute(next)}`),
    TRIES: ({ attempts }: Entry) => String(attempts),
    ANSWER: ({ answer }: Entry) => answer ?? '',
  }
  printList(deliveries, columns, { ...options, none: `Nothing was sent to ${name} so far, or nothing that is to be shown.` })
  await exitWhenRead(0)
}

export interface ReplayOptions extends ConfigOption {
  readonly from?: string
  readonly since?: string
  readonly aside?: boolean
}

/** Throws CommandError. */
export async function replayCommand(name: string, options: ReplayOptions): Promise<void> {
  const fromMs = options.aside === true ? undefined : momentOf(options)
  const count = await run('failed to replay', options, (work) => replayWebhook(name, fromMs, work))
  writeLine(`${count} ${count === 1 ? 'event is' : 'events are'} looked at again for ${name}.`)
  await exitWhenRead(0)
}

/** Throws CommandError. */
function momentOf({ from, since }: ReplayOptions): number {
  const spanMs = since === undefined ? undefined : findSpanMs(since)
  const moment = spanMs === undefined ? Date.parse(from ?? '') : Date.now() - spanMs
  if (!Number.isNaN(moment)) return moment
  throw new CommandError('failed to replay: say from when, as --since 2h or --from 2026-11-29T15:00:00Z, or --aside.')
}

async function run<Result>(failed: string, options: ConfigOption, work: (work: WebhookWork) => Promise<Result>): Promise<Result> {
  ensureRuntimeSettings()
  const config = loadServedConfig(options.config)
  return await explained(config, failed, () => work({ config, log: quietLog(config), signal: endOnSignal() }))
}
