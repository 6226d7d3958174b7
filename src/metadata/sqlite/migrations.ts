import type { Database } from 'bun:sqlite'
import { BASE_VERSION } from './schema.ts'

/** One change of the tables. How to add one: CONTRIBUTING.md. */
export interface Migration {
  /** The version of a database after it: the next number. */
  readonly version: number
  readonly statements: Iterable<string>
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
      `WITH RECURSIVE place (digest, number, size) AS (
         SELECT digest, 0, octet_length(annotations) FROM manifest_content WHERE octet_length(annotations) > 65536
         UNION ALL SELECT digest, number + 1, size FROM place WHERE (number + 1) * 262144 < size)
       INSERT INTO annotation_piece (digest, number, text)
       SELECT p.digest, p.number, substr(CAST(c.annotations AS BLOB), p.number * 262144 + 1, 262144)
       FROM place p JOIN manifest_content c ON c.digest = p.digest`,
      `UPDATE manifest_content SET annotation_bytes = octet_length(annotations), annotations = NULL
       WHERE octet_length(annotations) > 65536`,
    ],
  },
]

/** The version of a database that went through all of these. */
export function versionAfter(migrations: readonly Migration[]): number {
  return migrations.at(-1)?.version ?? BASE_VERSION
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
      for (const statement of migration.statements) database.run(statement)
      database.run("UPDATE property SET value = ? WHERE name = 'schema'", [String(migration.version)])
    })
    run.immediate()
  }
}
