import { listToldAccounts, type ToldAccount, writeToldAccounts } from '../../metadata/events/accounts.ts'
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

/** The records do not say on whose behalf they were changed. */
const UNKNOWN = { name: undefined, address: undefined, requestId: undefined }

/** Commands change accounts without a word to the server, also while none runs: it looks at the records, and tells what differs from its last look. */
export class AccountEvents {
  readonly #options: AccountEventsOptions
  #mark: string | undefined

  constructor(options: AccountEventsOptions) {
    this.#options = options
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
      const events = isFirst ? [] : changes(told, found).map((event) => newEvent(event, UNKNOWN, processId))
      await insertEvents(query, events)
      await writeToldAccounts(query, found)
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
