/** What happened to content, for those that listen (docs/events.md). Nothing is written here while none does. */
export const EVENT_TABLES: readonly string[] = [
  // number: one more than that of the event before, never given twice, in the order of the commits. kind: manifest, blob, tag. source: of a
  // mount. request: method, host, user agent and root as JSON, null for what no request asked for. bytes: about what the row takes.
  `CREATE TABLE event (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, at_ms INTEGER NOT NULL, action TEXT NOT NULL,
     kind TEXT NOT NULL, repository TEXT NOT NULL, digest TEXT, tag TEXT, media_type TEXT, size INTEGER, source TEXT, actor TEXT,
     address TEXT, request_id TEXT, request TEXT, process TEXT NOT NULL, bytes INTEGER NOT NULL)`,
  // The pulls go first: without this each look for the oldest would read all that is older.
  "CREATE INDEX event_pull ON event (number) WHERE action = 'pull'",
  "INSERT INTO counter (name, value) VALUES ('event-bytes', 0)",
  // A part of the statement that writes: a push has one statement more, not two.
  `CREATE TRIGGER event_added AFTER INSERT ON event
   BEGIN UPDATE counter SET value = value + NEW.bytes WHERE name = 'event-bytes'; END`,
  `CREATE TRIGGER event_removed AFTER DELETE ON event
   BEGIN UPDATE counter SET value = value - OLD.bytes WHERE name = 'event-bytes'; END`,

  // number: the endpoint has had every event up to this one. lost: events that were removed before it took them. failing_ms: since when it takes none.
  `CREATE TABLE event_cursor (endpoint TEXT PRIMARY KEY, number INTEGER NOT NULL, lost INTEGER NOT NULL DEFAULT 0, failing_ms INTEGER,
     failure TEXT) WITHOUT ROWID`,
]
