import { Database } from 'bun:sqlite'

/** Resolves when a collector is at it, between the claim of what it removes and the end of that; and in any case after so long. */
export async function whenRemoving(databasePath: string, timeoutMs: number): Promise<void> {
  using database = new Database(databasePath, { readonly: true })
  using claim = database.query("SELECT 1 FROM claim WHERE action LIKE 'collecting%' LIMIT 1")
  const deadline = performance.now() + timeoutMs
  while (performance.now() < deadline && claim.get() === null) await Bun.sleep(1)
}
