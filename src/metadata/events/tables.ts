import type { Sql } from '../query.ts'
import { createTrigger, dropTrigger } from '../schema/trigger.ts'

/** What happened, for those that listen (docs/events.md). */
export const EVENT_TABLES: readonly Sql[] = [
  // number: one more than that of the event before, never given twice, in the order of the commits. kind: manifest, blob, tag. source: of a
  // mount. request: method, host, user agent and root as JSON, null for what no request asked for. bytes: about what the row takes.
  `CREATE TABLE event (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, at_ms INTEGER NOT NULL, action TEXT NOT NULL,
     kind TEXT NOT NULL, repository TEXT NOT NULL, digest TEXT, tag TEXT, media_type TEXT, size INTEGER, source TEXT, actor TEXT,
     address TEXT, request_id TEXT, request TEXT, process TEXT NOT NULL, bytes INTEGER NOT NULL)`,
  // SQLite gives the numbers itself.
  { sqlite: '', postgresql: "INSERT INTO counter (name, value) VALUES ('event-number', 0)" },
  {
    sqlite: '',
    postgresql: `CREATE FUNCTION event_numbered() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN
       UPDATE counter SET value = value + 1 WHERE name = 'event-number' RETURNING value INTO NEW.number; RETURN NEW; END $body$`,
  },
  {
    sqlite: '',
    postgresql: 'CREATE TRIGGER event_numbered BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION event_numbered()',
  },
  // The pulls go first: without this each look for the oldest would read all that is older.
  "CREATE INDEX event_pull ON event (number) WHERE action = 'pull'",
  "INSERT INTO counter (name, value) VALUES ('event-bytes', 0)",
  // A part of the statement that writes: a push has one statement more, not two.
  createTrigger({
    name: 'event_added',
    change: 'AFTER INSERT ON event',
    body: "UPDATE counter SET value = value + NEW.bytes WHERE name = 'event-bytes';",
  }),
  createTrigger({
    name: 'event_removed',
    change: 'AFTER DELETE ON event',
    body: "UPDATE counter SET value = value - OLD.bytes WHERE name = 'event-bytes';",
  }),

  // number: the endpoint has had every event up to this one. lost: events that were removed before it took them. failing_ms: since when it takes none.
  `CREATE TABLE event_cursor (endpoint TEXT PRIMARY KEY, number INTEGER NOT NULL, lost INTEGER NOT NULL DEFAULT 0, failing_ms INTEGER,
     failure TEXT) WITHOUT ROWID`,
]

/** What listeners of `/api/v1/events` need beside that. */
export const LISTENER_TABLES: readonly Sql[] = [
  // before: where a tag led until it moved.
  'ALTER TABLE event ADD COLUMN before TEXT',
  // subject: the name of an account, or an upstream; repository is '' then. count: how many blobs a collection took.
  'ALTER TABLE event ADD COLUMN subject TEXT',
  'ALTER TABLE event ADD COLUMN count INTEGER',
  // Users, groups and robots as they were when their last change was told.
  'CREATE TABLE told_account (kind TEXT NOT NULL, name TEXT NOT NULL, revision TEXT NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID',
  // Listeners are told numbers in a form that says nothing of what they may not see. Another database has another key, and knows none of its numbers.
  {
    sqlite: "INSERT INTO property (name, value) VALUES ('event-key', lower(hex(randomblob(16))))",
    postgresql: "INSERT INTO property (name, value) VALUES ('event-key', replace(gen_random_uuid()::text, '-', ''))",
  },
  // The highest number of an event that was removed: a listener that is not so far yet has missed something. Pulls go first, and few listen to them.
  "INSERT INTO counter (name, value) VALUES ('event-removed', 0), ('event-pull-removed', 0)",
  dropTrigger({ name: 'event_removed' }),
  createTrigger({
    name: 'event_removed',
    change: 'AFTER DELETE ON event',
    body: `UPDATE counter SET value = value - OLD.bytes WHERE name = 'event-bytes';
     UPDATE counter SET value = max(value, OLD.number)
     WHERE name = CASE WHEN OLD.action = 'pull' THEN 'event-pull-removed' ELSE 'event-removed' END;`,
  }),
]
