import { Database } from 'bun:sqlite'
import type { Interest, Package } from '../told/found.ts'
import { berkeleyValues } from './berkeley-hash.ts'
import { MOST_PACKAGES } from './package.ts'
import { readRpmHeader } from './rpm-header.ts'

const MOST_BYTES = 128 * 1024 * 1024

/** rpm's database: SQLite since rpm 4.16, BerkeleyDB before. */
export const rpm: Interest = {
  matches: (path) => /^(var\/lib|usr\/lib\/sysimage|usr\/share)\/rpm\/(rpmdb\.sqlite|Packages)$/.test(path),
  mostBytes: MOST_BYTES,
  read: (bytes, path) => ({ packages: path.endsWith('.sqlite') ? inSqlite(bytes, path) : inBerkeley(bytes, path) }),
}

/** As rpm makes it. Anything else of this name, as a view, could keep its reader busy for ever. */
const RPM_TABLE = /^CREATE TABLE '?Packages'? \( ?hnum INTEGER PRIMARY KEY AUTOINCREMENT, ?blob BLOB NOT NULL ?\)$/

/** Where SQLite says that changes go to a file beside it, which rpm leaves empty. A copy in memory has none. */
const WAL_FLAGS = [18, 19]
const NO_WAL = 1

function inSqlite(bytes: Uint8Array, path: string): readonly Package[] {
  const copy = bytes.slice()
  for (const flag of WAL_FLAGS) copy[flag] = NO_WAL
  using database = Database.deserialize(copy, true)
  const table = database.query<{ sql: string }, []>("SELECT sql FROM sqlite_master WHERE name = 'Packages'").get()
  if (!RPM_TABLE.test(table?.sql.replace(/\s+/g, ' ') ?? '')) throw new Error('it has no table of packages as rpm makes it')
  const rows = database
    .query<{ blob: Uint8Array }, [number]>("SELECT blob FROM Packages WHERE typeof(blob) = 'blob' ORDER BY hnum LIMIT ?")
    .iterate(MOST_PACKAGES)
  return packagesIn(rows, path, bytes.length)
}

/** Pages that stand for many headers at once are damage: all headers together are no larger than their file. */
function packagesIn(rows: Iterable<{ readonly blob: Uint8Array }>, path: string, mostBytes: number): readonly Package[] {
  const packages: Package[] = []
  let size = 0
  for (const { blob } of rows) {
    size += blob.length
    if (size > mostBytes) throw new Error('its headers are larger than the file')
    packages.push(...readRpmHeader(blob, path))
  }
  return packages
}

function inBerkeley(bytes: Uint8Array, path: string): readonly Package[] {
  const packages: Package[] = []
  for (const value of berkeleyValues(bytes)) {
    packages.push(...readRpmHeader(value, path))
    if (packages.length >= MOST_PACKAGES) break
  }
  return packages
}
