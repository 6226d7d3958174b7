import type { Sql } from '../query.ts'
import { createTrigger } from '../schema/trigger.ts'

const COLUMNS = 'number, repository_id, tag, digest, before, at_ms, by, how'
const MOVED = 'NEW.number, NEW.repository_id, NEW.name, NEW.digest'
const BY = 'NEW.moved_ms, NEW.moved_by, NEW.moved_how'

/** How tags moved, until it is in the storage (docs/operations/history.md). */
export const MOVE_TABLES: readonly Sql[] = [
  // What moved the tag to where it points. Null: unknown, as of what a scan found; moved_by is null too for a caller without a name.
  'ALTER TABLE tag ADD COLUMN moved_ms INTEGER',
  'ALTER TABLE tag ADD COLUMN moved_by TEXT',
  'ALTER TABLE tag ADD COLUMN moved_how TEXT',
  // digest: null when the tag was deleted. before: what the tag pointed to; null when it pointed nowhere.
  `CREATE TABLE tag_move (number INTEGER NOT NULL, repository_id INTEGER NOT NULL, tag TEXT NOT NULL, digest TEXT, before TEXT,
     at_ms INTEGER NOT NULL, by TEXT, how TEXT NOT NULL, PRIMARY KEY (number, repository_id, tag)) WITHOUT ROWID`,
  // A part of the statement that writes the tag: neither a push nor a delete has one more.
  createTrigger({
    name: 'tag_set',
    change: 'AFTER INSERT ON tag',
    when: 'NEW.digest IS NOT NULL AND NEW.moved_how IS NOT NULL',
    body: `INSERT INTO tag_move (${COLUMNS}) VALUES (${MOVED}, NULL, ${BY});`,
  }),
  createTrigger({
    name: 'tag_moved',
    change: 'AFTER UPDATE OF digest ON tag',
    when: 'NEW.digest IS DISTINCT FROM OLD.digest AND NEW.moved_how IS NOT NULL',
    body: `INSERT INTO tag_move (${COLUMNS}) VALUES (${MOVED}, OLD.digest, ${BY});`,
  }),
]
