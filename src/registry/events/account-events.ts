import { listToldAccounts, type ToldAccount, writeToldAccounts } from '../../metadata/events/accounts.ts'
import { type AnnouncedChange, listAnnouncedChanges, writeAnnouncedChanges } from '../../metadata/events/announced-changes.ts'
import { insertEvents } from '../../metadata/events/events.ts'
import type { Metadata } from '../../metadata/query.ts'
import { readProperty, writeProperty } from '../../metadata/scans.ts'
import { type ContentEvent, newEvent } from './content-event.ts'

/** Users, groups and robots of the storage. */
export interface WatchedAccounts {
  /** Another text after each change; undefined while one is under way. */
  mark(): Promise<string | undefined>
  list(): Promise<readonly ToldAccount[]>
}

export interface AccountEventsOptions {
  readonly accounts: WatchedAccounts
  readonly metadata: Metadata
  readonly processId: string
}

/** What was announced and did not come about is forgotten: the process that was to change it has died. */
const ANNOUNCED_FOR_MS = 5 * 60_000

/** An account, as it is about to be changed. */
export type ChangingAccount = Pick<ToldAccount, 'kind' | 'name'>

/**
 * Commands change accounts without a word to the server, also while none runs: it looks at the records, and tells what differs from its last look. The records
 * do not say on whose behalf they were changed: a request announces that before its change.
 */
export class AccountEvents {
  readonly #options: AccountEventsOptions
  #mark: string | undefined

  constructor(options: AccountEventsOptions) {
    this.#options = options
  }

  /** Runs a change that a caller asked for: the events of these accounts name it. Throws what the change throws, and what the metadata reports. */
  async onBehalf<Result>(
    by: string | undefined,
    accounts: readonly ChangingAccount[],
    change: () => Promise<Result>,
  ): Promise<Result> {
    if (by === undefined) return await change()
    const id = crypto.randomUUID()
    const announced = accounts.map(({ kind, name }) => ({ id, kind, name, by, atMs: Date.now() }))
    const announce = async (changes: readonly AnnouncedChange[]) =>
      await this.#options.metadata.write(async (query) => {
        const others = (await listAnnouncedChanges(query)).filter((other) => other.id !== id && isRecent(other))
        await writeAnnouncedChanges(query, [...others, ...changes])
      })
    await announce(announced)
    try {
      return await change()
    } catch (error) {
      await announce([])
      throw error
    }
  }

  /** One look. Throws what the storage and the metadata report. */
  async run(): Promise<void> {
    const { accounts, metadata, processId } = this.#options
    const mark = await accounts.mark()
    if (mark === undefined || mark === this.#mark) return
    const found = await accounts.list()
    await metadata.write(async (query) => {
      const told = await listToldAccounts(query)
      // What there was before the first look is no news.
      const isFirst = (await readProperty(query, 'accounts-told')) === undefined
      const announced = (await listAnnouncedChanges(query)).filter(isRecent)
      const seen = isFirst ? [] : changes(told, found)
      const events = seen.map((event) => newEvent(event, actorOf(announced.findLast(isOf(event))), processId))
      await insertEvents(query, events)
      await writeToldAccounts(query, found)
      const left = announced.filter((change) => !seen.some((event) => isOf(event)(change)))
      if (announced.length > 0) await writeAnnouncedChanges(query, left)
      if (isFirst) await writeProperty(query, 'accounts-told', 'yes')
    })
    this.#mark = mark
  }
}

function changes(before: readonly ToldAccount[], now: readonly ToldAccount[]): readonly ContentEvent[] {
  const keyOf = ({ kind, name }: ToldAccount) => `${kind} ${name}`
  const old = new Map(before.map((account) => [keyOf(account), account.revision]))
  const there = new Set(now.map(keyOf))
  const eventOf = (action: 'add' | 'change' | 'remove', { kind, name: subject }: ToldAccount): ContentEvent => {
    return { action, kind, repository: '', subject }
  }
  return [
    ...before.filter((account) => !there.has(keyOf(account))).map((account) => eventOf('remove', account)),
    ...now.flatMap((account) => {
      const revision = old.get(keyOf(account))
      if (revision === account.revision) return []
      return [eventOf(revision === undefined ? 'add' : 'change', account)]
    }),
  ]
}

function isRecent({ atMs }: AnnouncedChange): boolean {
  return Math.abs(Date.now() - atMs) < ANNOUNCED_FOR_MS
}

/** The robots of a user go with it: their names begin with its own. */
function isOf({ kind, subject = '', action }: ContentEvent): (change: AnnouncedChange) => boolean {
  return (change) => {
    if (change.kind === kind && change.name === subject) return true
    return change.kind === 'user' && kind === 'token' && action === 'remove' && subject.startsWith(`${change.name}.`)
  }
}

function actorOf(change: AnnouncedChange | undefined) {
  return { name: change?.by, address: undefined, requestId: undefined }
}
