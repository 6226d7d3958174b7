import type { Sql, SqlOfEach } from '../query.ts'
import { createTrigger } from '../schema/trigger.ts'

/** No change is newer than this. */
export const ALL_EXPIRED = Number.MAX_SAFE_INTEGER

/**
 * Links in a bucket that changed again while a request of their last change could still be delivered a second time (docs/decisions/0036-repeated-requests.md). It is part of
 * the statement that writes the row: a push has no further statement, and one of new content only inserts rows, for which there is no trigger.
 */
export const REPEAT_TABLES: readonly Sql[] = [
  // number: of its last such change.
  `CREATE TABLE changed_twice (kind TEXT NOT NULL, repository TEXT NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL,
     PRIMARY KEY (kind, repository, name)) WITHOUT ROWID`,
  // The store refuses by now every request of the changes up to this number. In a directory nothing comes late: of all changes.
  `INSERT INTO counter (name, value) VALUES ('expired', ${ALL_EXPIRED})`,
  noteTwice({ table: 'tag', name: 'name', column: 'digest' }),
  noteTwice({ table: 'link', name: 'digest', column: 'target' }),
  noteTwice({ table: 'manifest', name: 'digest', column: 'linked' }),
]

/** Bytes that were removed from a bucket a moment ago. number: the store refuses the request that did it when this has expired. */
export const REMOVED_TABLES: readonly Sql[] = [
  'CREATE TABLE removed_bytes (digest TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID',
]

interface LinkTable {
  /** Also the kind of a name. */
  readonly table: string
  readonly name: string
  /** What is in the bucket. */
  readonly column: string
}

function noteTwice({ table, name, column }: LinkTable): SqlOfEach {
  return createTrigger({
    name: `${table}_changed_twice`,
    change: `AFTER UPDATE OF ${column} ON ${table}`,
    when: `NEW.${column} IS DISTINCT FROM OLD.${column}`,
    body: `INSERT INTO changed_twice (kind, repository, name, number)
       SELECT '${table}', r.name, NEW.${name}, NEW.number FROM counter c CROSS JOIN repository r ON r.id = NEW.repository_id
       WHERE c.name = 'expired' AND c.value < OLD.number
       ON CONFLICT (kind, repository, name) DO UPDATE SET number = excluded.number;`,
  })
}
