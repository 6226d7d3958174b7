import type { Sql } from '../query.ts'
import { createTrigger } from '../schema/trigger.ts'

/** A number that no other change has, and that JavaScript has exactly. */
const MARK = 'random() >> 12'

/** The orders of tags in repositories of very many (docs/api.md, Looking): all other repositories are sorted when that is asked for. All of it comes of other rows. */
export const ORDER_TABLES: readonly Sql[] = [
  // Repositories whose orders are kept. filled: up to this tag, by name; null: all of them are there.
  'CREATE TABLE ordered_repository (repository_id INTEGER PRIMARY KEY, filled TEXT)',
  // Their tags. version: a text in the order of versions, '' where it is none. Times and sizes that are not known are -1, so that they are the lowest in both databases.
  `CREATE TABLE ordered_tag (repository_id INTEGER NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, version TEXT NOT NULL,
     created_ms INTEGER NOT NULL, moved_ms INTEGER NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (repository_id, name)) WITHOUT ROWID`,
  ...['digest', 'version', 'created_ms', 'moved_ms', 'size'].map(
    (column) => `CREATE INDEX ordered_tag_by_${column} ON ordered_tag (repository_id, ${column}, name)`,
  ),
  // Tags of theirs that are to be looked at. mark: which change it was, so that the look at an older one does not end the wait of a newer one.
  `CREATE TABLE ordered_pending (repository_id INTEGER NOT NULL, name TEXT NOT NULL, mark INTEGER NOT NULL,
     PRIMARY KEY (repository_id, name)) WITHOUT ROWID`,

  // A push of another repository pays for one look into a table that is empty nearly everywhere.
  ...[
    { name: 'ordered_tag_made', change: 'AFTER INSERT ON tag', row: 'NEW' },
    { name: 'ordered_tag_changed', change: 'AFTER UPDATE OF digest, held, moved_ms, pushed_ms ON tag', row: 'NEW' },
    { name: 'ordered_tag_gone', change: 'AFTER DELETE ON tag', row: 'OLD' },
  ].map(({ name, change, row }) =>
    createTrigger({
      name,
      change,
      body: pending(`SELECT repository_id, ${row}.name FROM ordered_repository WHERE repository_id = ${row}.repository_id`),
    }),
  ),
  ...[
    { name: 'ordered_facts_made', change: 'AFTER INSERT ON image_facts', when: 'NEW.state = 0' },
    { name: 'ordered_facts_read', change: 'AFTER UPDATE OF state ON image_facts', when: 'NEW.state = 0 AND OLD.state <> 0' },
  ].map((facts) =>
    createTrigger({
      ...facts,
      // Also of image indexes, which are what their first image is.
      body: `${pending(
        `SELECT t.repository_id, t.name FROM ordered_repository o
           CROSS JOIN tag t ON t.repository_id = o.repository_id AND t.digest = NEW.digest`,
      )} ${pending(
        `SELECT t.repository_id, t.name FROM ordered_repository o
           CROSS JOIN reference r ON r.target = NEW.digest AND r.repository_id = o.repository_id
           CROSS JOIN image_facts f ON f.digest = r.manifest AND f.first_image = NEW.digest
           CROSS JOIN tag t ON t.repository_id = o.repository_id AND t.digest = f.digest WHERE r.role = 'child'`,
      )}`,
    }),
  ),
  createTrigger({
    name: 'ordered_repository_gone',
    change: 'AFTER DELETE ON repository',
    body: `DELETE FROM ordered_repository WHERE repository_id = OLD.id;
     DELETE FROM ordered_pending WHERE repository_id = OLD.id;
     DELETE FROM ordered_tag WHERE repository_id = OLD.id;`,
  }),
]

function pending(tags: string): string {
  return `INSERT INTO ordered_pending (repository_id, name, mark) SELECT found.repository_id, found.name, ${MARK} FROM (${tags}) found
     WHERE true ON CONFLICT (repository_id, name) DO UPDATE SET mark = ${MARK};`
}
