/** How far webhooks are, and what became of what was sent (docs/events.md). What they are stands in the storage: there may be secrets in it. */
export const WEBHOOK_TABLES: readonly string[] = [
  // mark: another one after each change of its record. number: it has had every event up to this one, or they wait below. turn: one more with each
  // replay, which sets the number back. lost: events that were removed before it had them. failing_ms: since when it takes none.
  `CREATE TABLE webhook (name TEXT PRIMARY KEY, mark TEXT NOT NULL, number INTEGER NOT NULL, turn INTEGER NOT NULL DEFAULT 0,
     lost INTEGER NOT NULL DEFAULT 0, failing_ms INTEGER, failure TEXT) WITHOUT ROWID`,
  // number: of the event. state: waiting (for its next try), aside (tried often enough), done. next_ms: of the next try. answer: to the last one.
  `CREATE TABLE webhook_delivery (webhook TEXT NOT NULL, number INTEGER NOT NULL, event TEXT NOT NULL, kind TEXT NOT NULL, about TEXT NOT NULL,
     state TEXT NOT NULL, attempts INTEGER NOT NULL, tried_ms INTEGER, next_ms INTEGER, answer TEXT, PRIMARY KEY (webhook, number)) WITHOUT ROWID`,
  "CREATE INDEX webhook_delivery_waiting ON webhook_delivery (webhook, next_ms) WHERE state = 'waiting'",
  'CREATE INDEX webhook_delivery_state ON webhook_delivery (webhook, state, number)',
]
