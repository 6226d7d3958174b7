import type { Query } from './query.ts'

/** Which process does a piece of background work for all. A row stays when its process has died: another one takes its place. */
export interface DutyHolder {
  readonly duty: string
  readonly process: string
}

export async function listDutyHolders(query: Query): Promise<DutyHolder[]> {
  return await query.all<DutyHolder>('SELECT name AS duty, process FROM duty')
}

/** Takes a duty that has no holder, or still the one that was found dead. False when another process was first. */
export async function takeDuty(query: Query, duty: string, process: string, dead: string | undefined): Promise<boolean> {
  const row = await query.get(
    `INSERT INTO duty (name, process) VALUES (?, ?)
     ON CONFLICT (name) DO UPDATE SET process = excluded.process WHERE duty.process = ? RETURNING name`,
    duty,
    process,
    dead ?? '',
  )
  return row !== undefined
}

/** Another process may take the duty at once. Nothing changes when the process has lost it before. */
export async function releaseDuty(query: Query, duty: string, process: string): Promise<void> {
  await query.run('DELETE FROM duty WHERE name = ? AND process = ?', duty, process)
}
