import { DamagedRecordError } from './account.ts'
import type { AccountName } from './account-name.ts'
import { type AccountRecords, accountRecords } from './account-records.ts'
import { Generation } from './generation.ts'
import type { RecordStorage } from './record-storage.ts'

export interface WatchedAccount {
  readonly kind: 'user' | 'group' | 'token'
  readonly name: string
  /** Another one after each change. */
  readonly revision: string
}

/** The accounts of a storage, for what looks whether they have changed. */
export function watchedAccounts(storage: RecordStorage) {
  const { users, groups, robots } = accountRecords(storage)
  const generation = new Generation(storage)
  return {
    /** Undefined while a change is under way. */
    mark: async (): Promise<string | undefined> => {
      const { mark, isChanging } = await generation.look()
      return isChanging ? undefined : mark
    },
    list: async (): Promise<readonly WatchedAccount[]> => [
      ...(await revisionsOf('user', users)),
      ...(await revisionsOf('group', groups)),
      ...(await revisionsOf('token', robots)),
    ],
  }
}

/** A record that cannot be read is there. */
async function revisionsOf<Account extends { readonly name: AccountName; readonly revision: string }>(
  kind: WatchedAccount['kind'],
  records: AccountRecords<Account>,
): Promise<readonly WatchedAccount[]> {
  const found: WatchedAccount[] = []
  for (const name of await records.names()) {
    try {
      const account = await records.find(name)
      if (account !== undefined) found.push({ kind, name, revision: account.revision })
    } catch (error) {
      if (!(error instanceof DamagedRecordError)) throw error
      found.push({ kind, name, revision: 'unreadable' })
    }
  }
  return found
}
