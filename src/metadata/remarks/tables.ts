import type { Sql } from '../query.ts'
import { createTrigger } from '../schema/trigger.ts'

const DESCRIBED = `INSERT INTO search_pending (repository_id, digest, mark)
     SELECT id, '-', random() >> 12 FROM repository WHERE name = NEW.repository ON CONFLICT (repository_id, digest) DO UPDATE SET mark = excluded.mark;`

/** What people say of repositories: descriptions and stars (docs/search.md). The storage has the same; a row says what it says. */
export const REMARK_TABLES: readonly Sql[] = [
  // Names instead of ids: what the storage has is read before the repositories are known. stars: how many rows of `star` there are.
  `CREATE TABLE remark (repository TEXT PRIMARY KEY, description TEXT, stars INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID`,
  // user: the name of the file in the storage, which is made of the name of the user.
  'CREATE TABLE star (repository TEXT NOT NULL, user TEXT NOT NULL, PRIMARY KEY (repository, user)) WITHOUT ROWID',
  createTrigger({
    name: 'star_given',
    change: 'AFTER INSERT ON star',
    body: `INSERT INTO remark (repository, stars) VALUES (NEW.repository, 1)
     ON CONFLICT (repository) DO UPDATE SET stars = remark.stars + 1;`,
  }),
  createTrigger({
    name: 'star_taken',
    change: 'AFTER DELETE ON star',
    body: 'UPDATE remark SET stars = stars - 1 WHERE repository = OLD.repository;',
  }),
  // A search finds the words of a description.
  createTrigger({
    name: 'remark_described',
    change: 'AFTER INSERT ON remark',
    when: 'NEW.description IS NOT NULL',
    body: DESCRIBED,
  }),
  createTrigger({
    name: 'remark_redescribed',
    change: 'AFTER UPDATE OF description ON remark',
    when: 'NEW.description IS DISTINCT FROM OLD.description',
    body: DESCRIBED,
  }),
  // 1: the last push that a look of the search met came from a robot.
  'ALTER TABLE search_entry ADD COLUMN automated INTEGER NOT NULL DEFAULT 0',
]
