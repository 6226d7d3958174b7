import type { Metadata, Query } from '../query.ts'
import { beginCollectorEpoch } from './clock.ts'
import { noteJoined } from './needers.ts'

/** What rows must carry to be more than a hint. It stays the same while any process is alive (docs/orders-of-writing.md, Start). */

/** A collection that began alone finds out in its next transaction. */
export async function joinEpoch(metadata: Metadata): Promise<number> {
  await metadata.write(noteJoined)
  return await epochOf(metadata.read)
}

/** No other process is alive. */
export async function beginEpoch(metadata: Metadata): Promise<number> {
  return await metadata.write(nextEpoch)
}

/** From then on every row is a hint. */
export async function nextEpoch(query: Query): Promise<number> {
  const epoch = (await epochOf(query)) + 1
  await query.run("UPDATE property SET value = ? WHERE name = 'epoch'", String(epoch))
  await query.run('DELETE FROM scan')
  await beginCollectorEpoch(query, Date.now())
  return epoch
}

async function epochOf(query: Pick<Query, 'get'>): Promise<number> {
  const row = await query.get<{ value: string }>("SELECT value FROM property WHERE name = 'epoch'")
  return Number(row?.value ?? 0)
}
