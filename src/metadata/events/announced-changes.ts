import type { Query } from '../query.ts'
import { readProperty, writeProperty } from '../scans.ts'
import type { ToldAccount } from './accounts.ts'

/** The caller that is about to change an account. */
export interface AnnouncedChange extends Pick<ToldAccount, 'kind' | 'name'> {
  /** Of the request that changes it. */
  readonly id: string
  readonly by: string
  readonly atMs: number
}

/** The oldest go first: what is left of them says less than nothing after so many. */
const MOST = 1_000

/** In the order in which they were announced. */
export async function listAnnouncedChanges(query: Query): Promise<readonly AnnouncedChange[]> {
  const text = await readProperty(query, 'accounts-changing')
  return text === undefined ? [] : (JSON.parse(text) as AnnouncedChange[])
}

/** They are all that there are. */
export async function writeAnnouncedChanges(query: Query, changes: readonly AnnouncedChange[]): Promise<void> {
  await writeProperty(query, 'accounts-changing', JSON.stringify(changes.slice(-MOST)))
}
