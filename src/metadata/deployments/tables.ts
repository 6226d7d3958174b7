/** What runs somewhere, by the reports of agents (docs/orders-of-writing.md). The storage has the same; a row says what it says, but for when a host was seen last. */
export const DEPLOYMENT_TABLES: readonly string[] = [
  // seen_ms: of its last report, by the wall clock; 0: its record cannot be read. reported_by: the account that alone may report of it.
  'CREATE TABLE deployment_host (host TEXT PRIMARY KEY, seen_ms INTEGER NOT NULL, reported_by TEXT) WITHOUT ROWID',
  // repository: a name, which may be of none that is here. digest: of an image index or of one of its images. wanted: what is to run in its place. problem: why it does not.
  `CREATE TABLE deployment (host TEXT NOT NULL, container TEXT NOT NULL, repository TEXT NOT NULL, tag TEXT, digest TEXT NOT NULL,
     state TEXT NOT NULL, since_ms INTEGER, wanted TEXT, problem TEXT, PRIMARY KEY (host, container)) WITHOUT ROWID`,
  'CREATE INDEX deployment_by_repository ON deployment (repository, host, container)',
  'CREATE INDEX deployment_by_digest ON deployment (digest, host)',
]
