import type { Query } from '../query.ts'

/** An account as it was when its last change was told. */
export interface ToldAccount {
  readonly kind: 'user' | 'group' | 'token'
  readonly name: string
  /** Another one after each change. */
  readonly revision: string
}

export async function listToldAccounts(query: Query): Promise<ToldAccount[]> {
  return await query.all<ToldAccount>('SELECT kind, name, revision FROM told_account ORDER BY kind, name')
}

/** They are all that there are. */
export async function writeToldAccounts(query: Query, accounts: readonly ToldAccount[]): Promise<void> {
  await query.run('DELETE FROM told_account')
  await query.run(
    'INSERT INTO told_account (kind, name, revision) SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?) WHERE true',
    JSON.stringify(accounts.map(({ kind, name, revision }) => [kind, name, revision])),
  )
}
