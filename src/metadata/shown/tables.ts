import type { Sql } from '../query.ts'
import { createTrigger } from '../schema/trigger.ts'

/** What happened last (docs/api.md). */
export const ACTIVITY_TABLES: readonly Sql[] = [
  // The newest moves of all repositories, also those that the storage has by now. A part of the statement that writes the tag.
  `CREATE TABLE activity (id INTEGER PRIMARY KEY, repository TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT, before TEXT,
     at_ms INTEGER NOT NULL, by TEXT, how TEXT NOT NULL)`,
  createTrigger({
    name: 'activity_noted',
    change: 'AFTER DELETE ON tag_move',
    body: `INSERT INTO activity (repository, tag, digest, before, at_ms, by, how)
     SELECT name, OLD.tag, OLD.digest, OLD.before, OLD.at_ms, OLD.by, OLD.how FROM repository WHERE id = OLD.repository_id;`,
  }),
]
