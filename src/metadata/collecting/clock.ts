import type { Query } from '../query.ts'

/**
 * The collector's own clock (docs/collector.md, The clock): a counter of the metadata, in milliseconds, so that every process says the same
 * and no jump of a machine's clock makes anything older than it is.
 */

/** A stop that seems longer is the fault of a clock. */
const LONGEST_STOP_MS = 30 * 24 * 60 * 60 * 1000

/** How the clock stands. */
export async function readClock(query: Query): Promise<{ readonly nowMs: number; readonly epochBeganMs: number }> {
  const rows = await query.all<{ name: string; value: number }>(
    "SELECT name, value FROM counter WHERE name IN ('clock-ms', 'epoch-began-ms')",
  )
  const value = (name: string) => rows.find((row) => row.name === name)?.value ?? 0
  return { nowMs: value('clock-ms'), epochBeganMs: value('epoch-began-ms') }
}

/** Moves the clock on. `wallMs` is kept, so that the next start knows for how long nothing ran. */
export async function advanceClock(query: Query, byMs: number, wallMs: number): Promise<void> {
  await query.run("UPDATE counter SET value = value + ? WHERE name = 'clock-ms'", byMs)
  await query.run(
    "INSERT INTO property (name, value) VALUES ('clock-wall-ms', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    String(wallMs),
  )
}

/** Notes that a process of this storage runs at this time, though the process that moves the clock may stand still. */
export async function noteRunning(query: Query, wallMs: number): Promise<void> {
  await query.run(
    "UPDATE property SET value = ? WHERE name = 'clock-wall-ms' AND CAST(value AS INTEGER) < ?",
    String(wallMs),
    wallMs,
  )
}

/** By the wall clock, when a process last said that it runs; undefined before the first. */
export async function findLastRunning(query: Pick<Query, 'get'>): Promise<number | undefined> {
  const row = await query.get<{ value: string }>("SELECT value FROM property WHERE name = 'clock-wall-ms'")
  return row === undefined ? undefined : Number(row.value)
}

/**
 * No process of the storage ran until now: the clock moves on by the time that passed meanwhile, and what was condemned is so no more. Another
 * registry may have answered for it.
 */
export async function beginCollectorEpoch(query: Query, wallMs: number): Promise<void> {
  const stoppedForMs = wallMs - ((await findLastRunning(query)) ?? wallMs)
  await advanceClock(query, stoppedForMs > 0 && stoppedForMs <= LONGEST_STOP_MS ? stoppedForMs : 0, wallMs)
  await query.run("UPDATE counter SET value = (SELECT value FROM counter WHERE name = 'clock-ms') WHERE name = 'epoch-began-ms'")
  await query.run('UPDATE link SET condemned_ms = NULL WHERE condemned_ms IS NOT NULL')
  await query.run('UPDATE manifest SET condemned_ms = NULL WHERE condemned_ms IS NOT NULL')
}
