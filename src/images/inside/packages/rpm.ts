import { Database } from 'bun:sqlite'
import { setImmediate } from 'node:timers/promises'
import type { Interest, Package } from '../told/found.ts'
import { berkeleyValues } from './berkeley-hash.ts'
import { ndbBlobs } from './ndb-blobs.ts'
import { MOST_PACKAGES } from './package.ts'
import { readRpmHeader } from './rpm-header.ts'

const PATH = /^(var\/lib|usr\/lib\/sysimage|usr\/share)\/rpm\/(rpmdb\.sqlite|Packages|Packages\.db)$/
const MOST_BYTES = 128 * 1024 * 1024
/** Other work has its turn after so many. */
const HEADERS_AT_ONCE = 100

/** rpm's database: SQLite since rpm 4.16, BerkeleyDB before, and a format of its own (NDB) at SUSE. */
export const rpm: Interest = {
  matches: (path) => PATH.test(path),
  mostBytes: MOST_BYTES,
  read: async (bytes, path) => {
    if (path.endsWith('.sqlite')) return { packages: await inSqlite(bytes, path) }
    const headers = path.endsWith('.db') ? ndbBlobs(bytes) : berkeleyValues(bytes)
    return { packages: await packagesIn(headers, path, bytes.length) }
  },
}

/** As rpm makes it. Anything else of this name, as a view, could keep its reader busy for ever. */
const RPM_TABLE = /^CREATE TABLE '?Packages'? \( ?hnum INTEGER PRIMARY KEY AUTOINCREMENT, ?blob BLOB NOT NULL ?\)$/

async function inSqlite(bytes: Uint8Array, path: string): Promise<readonly Package[]> {
  using database = inMemory(bytes)
  const table = database.query<{ sql: string }, []>("SELECT sql FROM sqlite_master WHERE name = 'Packages'").get()
  if (!RPM_TABLE.test(table?.sql.replace(/\s+/g, ' ') ?? '')) throw new Error('it has no table of packages as rpm makes it')
  const rows = database
    .query<{ blob: Uint8Array }, [number]>("SELECT blob FROM Packages WHERE typeof(blob) = 'blob' ORDER BY hnum LIMIT ?")
    .iterate(MOST_PACKAGES)
  return await packagesIn(blobsOf(rows), path, bytes.length)
}

/** Where SQLite says that changes go to a file beside it, which rpm leaves empty. */
const WAL_FLAGS = 18
const WAL_FLAGS_END = 20
const NO_WAL = 1

/** A copy in memory has no file beside it. The bytes themselves stay as they are. */
function inMemory(bytes: Uint8Array): Database {
  const flags = bytes.slice(WAL_FLAGS, WAL_FLAGS_END)
  try {
    return Database.deserialize(bytes.fill(NO_WAL, WAL_FLAGS, WAL_FLAGS_END), true)
  } finally {
    bytes.set(flags, Math.min(WAL_FLAGS, bytes.length))
  }
}

function* blobsOf(rows: Iterable<{ readonly blob: Uint8Array }>): Generator<Uint8Array> {
  for (const { blob } of rows) yield blob
}

/** Pages or slots that stand for many headers at once are damage: all headers together are no larger than their file. */
async function packagesIn(headers: Iterable<Uint8Array>, path: string, mostBytes: number): Promise<readonly Package[]> {
  const packages: Package[] = []
  let [size, count] = [0, 0]
  for (const header of headers) {
    size += header.length
    count += 1
    if (count % HEADERS_AT_ONCE === 0) await setImmediate()
    if (size > mostBytes) throw new Error('its headers are larger than the file')
    packages.push(...readRpmHeader(header, path))
    if (packages.length >= MOST_PACKAGES) break
  }
  return packages
}
