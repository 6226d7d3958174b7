import type { Digest } from '../../oci/digest.ts'
import type { Query } from '../query.ts'

/** One removal of links, and of the bytes that nothing else needs. */
export interface LeavingName {
  readonly id: string
  readonly process: string
  readonly epoch: number
}

/** For each count of which these links are a part: as many bytes as it may count no more when the links have gone. */
export async function addLeaving(
  query: Query,
  { id, process, epoch }: LeavingName,
  links: readonly { readonly repositoryId: number; readonly target: Digest }[],
): Promise<void> {
  await query.run(
    `INSERT INTO leaving (id, counted_as, process, epoch, bytes)
     SELECT ?, q.name, ?, ?, sum(c.bytes)
     FROM (SELECT DISTINCT m.quota_id AS quota_id, value ->> 1 AS digest FROM json_each(?) JOIN quota_member m ON m.repository_id = CAST(value ->> 0 AS INTEGER)) l
     JOIN quota_content c ON c.digest = l.digest AND c.quota_id = l.quota_id JOIN quota q ON q.id = l.quota_id GROUP BY q.name`,
    ...[id, process, epoch],
    JSON.stringify(links.map(({ repositoryId, target }) => [repositoryId, target])),
  )
}

/** They are gone, or stay where they are counted. */
export async function endLeaving(query: Query, { id }: Pick<LeavingName, 'id'>): Promise<void> {
  await query.run('DELETE FROM leaving WHERE id = ?', id)
}

/** How many bytes take room in this epoch beside those that are counted under a name. */
export async function sumLeaving(query: Query, countedAs: string, epoch: number): Promise<number> {
  const row = await query.get<{ bytes: number }>(
    'SELECT CAST(coalesce(sum(bytes), 0) AS INTEGER) AS bytes FROM leaving WHERE counted_as = ? AND epoch = ?',
    countedAs,
    epoch,
  )
  return row?.bytes ?? 0
}
