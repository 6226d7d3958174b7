import type { Database } from 'bun:sqlite'
import { DEPLOYMENT_TABLES } from '../deployments/tables.ts'
import { EVENT_TABLES, LISTENER_TABLES } from '../events/tables.ts'
import { FACT_TABLES } from '../facts/tables.ts'
import { MOVE_TABLES } from '../history/tables.ts'
import { COLUMN_TABLES, INSIDE_TABLES, WAITING_TABLES } from '../inside/tables.ts'
import { UNTAGGED_TRIGGERS } from '../keeping/tables.ts'
import { FETCH_TABLES, LEAVING_TABLES, SYNC_TABLES } from '../mirroring/tables.ts'
import { ORDER_TABLES } from '../ordering/tables.ts'
import { PULL_TABLES } from '../pulls/tables.ts'
import type { Sql } from '../query.ts'
import { QUOTA_TABLES } from '../quotas/tables.ts'
import { REMARK_TABLES } from '../remarks/tables.ts'
import { REMOVED_TABLES, REPEAT_TABLES } from '../repeats/tables.ts'
import { NUMBER_TABLES } from '../schema/numbers.ts'
import { SEARCH_TABLES, SHORT_WORD_TABLES } from '../search/tables.ts'
import { ACTIVITY_TABLES } from '../shown/tables.ts'
import { WEBHOOK_TABLES } from '../webhooks/tables.ts'
import { BASE_VERSION } from './schema.ts'

/** One change of the tables. How to add one: CONTRIBUTING.md. */
export interface Migration {
  /** The version of a database after it: the next number. */
  readonly version: number
  /** An empty text: that database has nothing to do. */
  readonly statements: Iterable<Sql>
  /**
   * A Berth that knows only the version before goes on with tables that went through it, and the new one takes the rows that the old one writes: replicas of
   * both work side by side (docs/replicas.md, Update). Left out: the old ones must have ended.
   */
  readonly onlyAdds?: true
}

/** What became of the tables after the base, oldest first. One that has been released stays as it is: databases went through it. */
export const MIGRATIONS: readonly Migration[] = [
  {
    version: 4,
    // Tombstones by their age, so that a purge reads nothing else: without them it read each row that is there, 180 ms for a million.
    statements: [
      'CREATE INDEX tag_gone ON tag (number) WHERE digest IS NULL',
      'CREATE INDEX link_gone ON link (number) WHERE target IS NULL',
      'CREATE INDEX manifest_gone ON manifest (number) WHERE held = 0',
    ],
  },
  {
    version: 5,
    statements: [
      // Which process does a piece of background work for all; the scan had a property of its own.
      'CREATE TABLE duty (name TEXT PRIMARY KEY, process TEXT NOT NULL) WITHOUT ROWID',
      "DELETE FROM property WHERE name = 'scanner'",
    ],
  },
  {
    version: 6,
    statements: [
      // Content of manifests that no repository holds was never deleted.
      `DELETE FROM manifest_content WHERE NOT EXISTS
         (SELECT 1 FROM manifest WHERE manifest.digest = manifest_content.digest AND manifest.held = 1)`,
      // Large annotations lie in a table of their own, as pieces of their text: SQLite reads the whole of a row to compare its key, here 4 MiB.
      'ALTER TABLE manifest_content ADD COLUMN annotation_bytes INTEGER',
      'CREATE TABLE annotation_piece (digest TEXT NOT NULL, number INTEGER NOT NULL, text BLOB NOT NULL, PRIMARY KEY (digest, number))',
      ofOldRows(`WITH RECURSIVE place (digest, number, size) AS (
         SELECT digest, 0, octet_length(annotations) FROM manifest_content WHERE octet_length(annotations) > 65536
         UNION ALL SELECT digest, number + 1, size FROM place WHERE (number + 1) * 262144 < size)
       INSERT INTO annotation_piece (digest, number, text)
       SELECT p.digest, p.number, substr(CAST(c.annotations AS BLOB), p.number * 262144 + 1, 262144)
       FROM place p JOIN manifest_content c ON c.digest = p.digest`),
      `UPDATE manifest_content SET annotation_bytes = octet_length(annotations), annotations = NULL
       WHERE octet_length(annotations) > 65536`,
    ],
  },
  {
    version: 7,
    // What the collector decides by (docs/collector.md). Every time in these columns is one of its own clock.
    statements: [
      // clock-ms: that clock. epoch-began-ms: its time at the start of the epoch.
      {
        sqlite:
          "INSERT INTO counter (name, value) VALUES ('clock-ms', CAST(unixepoch('subsec') * 1000 AS INTEGER)), ('epoch-began-ms', 0)",
        postgresql:
          "INSERT INTO counter (name, value) VALUES ('clock-ms', CAST(extract(epoch FROM now()) * 1000 AS INTEGER)), ('epoch-began-ms', 0)",
      },
      'ALTER TABLE blob RENAME COLUMN candidate_since_ms TO touched_ms',
      "UPDATE blob SET state = 'live' WHERE state = 'condemned'",
      // touched_ms: when it was last pushed, mounted, rescued or released. condemned_ms: since when it may be removed, unless a request rescues it; -1: it is being removed.
      'ALTER TABLE link ADD COLUMN touched_ms INTEGER NOT NULL DEFAULT 0',
      'ALTER TABLE link ADD COLUMN condemned_ms INTEGER',
      "UPDATE link SET touched_ms = (SELECT value FROM counter WHERE name = 'clock-ms')",
      // linked: its revision is in the storage, whatever its bytes are. opaque: nothing tells what it names.
      'ALTER TABLE manifest ADD COLUMN linked INTEGER NOT NULL DEFAULT 0',
      'ALTER TABLE manifest ADD COLUMN opaque INTEGER NOT NULL DEFAULT 0',
      'ALTER TABLE manifest ADD COLUMN touched_ms INTEGER NOT NULL DEFAULT 0',
      'ALTER TABLE manifest ADD COLUMN condemned_ms INTEGER',
      // released: it lost its last parent or its subject by a delete.
      'ALTER TABLE manifest ADD COLUMN released INTEGER NOT NULL DEFAULT 0',
      "UPDATE manifest SET linked = held, touched_ms = (SELECT value FROM counter WHERE name = 'clock-ms')",
      'DROP INDEX manifest_gone',
      'CREATE INDEX manifest_gone ON manifest (number) WHERE linked = 0',
      // Of few rows each: a push pays for none of them.
      'CREATE INDEX link_condemned ON link (condemned_ms) WHERE condemned_ms IS NOT NULL',
      'CREATE INDEX manifest_condemned ON manifest (condemned_ms) WHERE condemned_ms IS NOT NULL',
      'CREATE INDEX manifest_released ON manifest (repository_id, digest) WHERE released = 1',
      'CREATE INDEX manifest_opaque ON manifest (repository_id) WHERE opaque = 1',
    ],
  },
  {
    version: 8,
    // Which operation has a name, and on whose behalf: the process that settles it may be another one.
    statements: ['action', 'actor', 'address', 'request_id'].map((column) => `ALTER TABLE claim ADD COLUMN ${column} TEXT`),
  },
  { version: 9, statements: QUOTA_TABLES },
  {
    version: 10,
    // What rules for tags decide by (docs/operations/retention.md), in the time of the collector's clock. Null: unknown.
    statements: [
      'ALTER TABLE tag ADD COLUMN pushed_ms INTEGER',
      'ALTER TABLE manifest ADD COLUMN pushed_ms INTEGER',
      'ALTER TABLE manifest ADD COLUMN pulled_ms INTEGER',
      // Since when a manifest has no tag: written by the one process that looks for such manifests.
      `CREATE TABLE untagged (repository_id INTEGER NOT NULL, digest TEXT NOT NULL, since_ms INTEGER NOT NULL,
         PRIMARY KEY (repository_id, digest)) WITHOUT ROWID`,
    ],
  },
  { version: 11, statements: MOVE_TABLES },
  { version: 12, statements: FACT_TABLES },
  {
    version: 13,
    statements: [
      // state: '', its directories are there; 'bare', some may not be, whatever a process remembers of them; 'leaving', nothing is in it, and an operation that has claimed it removes them.
      "ALTER TABLE repository ADD COLUMN state TEXT NOT NULL DEFAULT ''",
      "INSERT INTO counter (name, value) VALUES ('repository-id', 0)",
    ],
  },
  { version: 14, statements: SEARCH_TABLES },
  { version: 15, statements: EVENT_TABLES },
  { version: 16, statements: FETCH_TABLES },
  { version: 17, statements: [...PULL_TABLES, ...REMARK_TABLES, ...ACTIVITY_TABLES] },
  { version: 18, statements: LEAVING_TABLES },
  { version: 19, statements: SHORT_WORD_TABLES },
  { version: 20, statements: [...DEPLOYMENT_TABLES, ...UNTAGGED_TRIGGERS] },
  { version: 21, statements: SYNC_TABLES },
  { version: 22, statements: [...LISTENER_TABLES, ...WEBHOOK_TABLES] },
  { version: 23, statements: INSIDE_TABLES },
  { version: 24, statements: ORDER_TABLES, onlyAdds: true },
  { version: 25, statements: NUMBER_TABLES },
  { version: 26, statements: COLUMN_TABLES },
  { version: 27, statements: WAITING_TABLES, onlyAdds: true },
  { version: 28, statements: REPEAT_TABLES, onlyAdds: true },
  { version: 29, statements: REMOVED_TABLES, onlyAdds: true },
]

/** For rows of versions that were never in a PostgreSQL. */
function ofOldRows(sqlite: string): Sql {
  return { sqlite, postgresql: '' }
}

/** The version of a database that went through all of these. */
export function versionAfter(migrations: readonly Migration[]): number {
  return migrations.at(-1)?.version ?? BASE_VERSION
}

/** The last of these versions that made the tables useless to an older Berth; undefined when every version only adds. */
export function lastThatChanges(migrations: readonly Migration[]): number | undefined {
  return migrations.findLast(({ onlyAdds }) => onlyAdds !== true)?.version
}

/** True when a database of this version can be brought to the present one. */
export function canMigrate(version: number, migrations: readonly Migration[]): boolean {
  return Number.isInteger(version) && version >= BASE_VERSION && version <= versionAfter(migrations)
}

/** Brings a database from its version to the present one. Each migration is one transaction: a cut leaves its old or its new version. */
export function migrate(database: Database, version: number, migrations: readonly Migration[]): void {
  for (const migration of migrations) {
    if (migration.version <= version) continue
    const run = database.transaction(() => {
      for (const statement of sqliteTexts(migration.statements)) database.run(statement)
      database.run("UPDATE property SET value = ? WHERE name = 'schema'", [String(migration.version)])
    })
    run.immediate()
  }
}

/** What SQLite runs. */
export function* sqliteTexts(statements: Iterable<Sql>): Generator<string> {
  for (const statement of statements) {
    const text = typeof statement === 'string' ? statement : statement.sqlite
    if (text !== '') yield text
  }
}
