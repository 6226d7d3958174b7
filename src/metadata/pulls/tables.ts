import type { Sql } from '../query.ts'
import { createTrigger } from '../schema/trigger.ts'

/** How often manifests are pulled (docs/operations/pulls.md). What a process has written here goes to the storage within an hour. */
export const PULL_TABLES: readonly Sql[] = [
  // reference: a tag, a digest, or '' for the whole repository. day: since 1970, in universal time. last_ms: of the last pull of that day, by the wall clock. Names instead of ids: what the storage has is read before the repositories are known.
  `CREATE TABLE pull_day (repository TEXT NOT NULL, reference TEXT NOT NULL, day INTEGER NOT NULL, count INTEGER NOT NULL,
     last_ms INTEGER NOT NULL, PRIMARY KEY (repository, reference, day)) WITHOUT ROWID`,
  // By their age, so that what is over goes without a look at the rest: days of repositories are kept longer.
  "CREATE INDEX pull_day_of_repository ON pull_day (day) WHERE reference = ''",
  "CREATE INDEX pull_day_of_content ON pull_day (day) WHERE reference <> ''",
  // shard: of the record in the storage. total: all pulls of the repository. changed: how often it changed since it was recorded. is_gone: the repository has gone, and so do its days.
  `CREATE TABLE pull_repository (name TEXT PRIMARY KEY, shard INTEGER NOT NULL, total INTEGER NOT NULL, changed INTEGER NOT NULL,
     is_gone INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID`,
  'CREATE INDEX pull_repository_by_shard ON pull_repository (shard, name)',
  'CREATE INDEX pull_repository_changed ON pull_repository (shard) WHERE changed > 0',
  createTrigger({
    name: 'pulls_of_repository_gone',
    change: 'AFTER DELETE ON repository',
    body: 'UPDATE pull_repository SET is_gone = 1, changed = changed + 1 WHERE name = OLD.name;',
  }),
]
