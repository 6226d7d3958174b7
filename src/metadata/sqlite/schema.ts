/** The oldest version that is migrated: an older database is set aside, and built anew from the storage. */
export const BASE_VERSION = 3

/**
 * The tables of the base version. They stay as they are: `migrations.ts` says what became of them since. `number` and `epoch` are the stamp of the last change; a null digest or target, or held = 0, is a tombstone: known to
 * be gone. A row of an older epoch is a hint (docs/orders-of-writing.md).
 */
export const BASE_TABLES: readonly string[] = [
  // schema, store and inode: whose database this is. oldest: the oldest version of Berth that goes on with these tables (PostgreSQL). epoch: the present one. names-epoch, blobs-epoch, seen-epoch, complete-epoch: how far its scan is; passed-over: what it could not read; obstacles: what it met that Berth does not know. scrub: how far the reading of all bytes is, of any epoch.
  'CREATE TABLE property (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID',
  'CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID',
  "INSERT INTO counter (name, value) VALUES ('number', 0)",

  'CREATE TABLE repository (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, scanned_epoch INTEGER NOT NULL DEFAULT 0)',

  // state: arriving, live, condemned, deleting. size: null while arriving. candidate_since_ms: garbage if unreferenced since then.
  `CREATE TABLE blob (digest TEXT PRIMARY KEY, state TEXT NOT NULL, size INTEGER, candidate_since_ms INTEGER NOT NULL,
     number INTEGER NOT NULL) WITHOUT ROWID`,

  // target: what the link names; it differs from digest for registry:2's sha512 aliases.
  `CREATE TABLE link (repository_id INTEGER NOT NULL, digest TEXT NOT NULL, target TEXT, number INTEGER NOT NULL,
     epoch INTEGER NOT NULL, PRIMARY KEY (repository_id, digest)) WITHOUT ROWID`,
  'CREATE INDEX link_by_target ON link (target, repository_id)',

  `CREATE TABLE manifest (repository_id INTEGER NOT NULL, digest TEXT NOT NULL, held INTEGER NOT NULL, subject TEXT,
     number INTEGER NOT NULL, epoch INTEGER NOT NULL, PRIMARY KEY (repository_id, digest)) WITHOUT ROWID`,
  'CREATE INDEX manifest_by_digest ON manifest (digest, held)',
  // With held, so that it covers what a list of referrers asks: SQLite reads the whole repository rather than another index.
  'CREATE INDEX manifest_by_subject ON manifest (repository_id, subject, digest, held) WHERE subject IS NOT NULL',

  // bytes: null above 64 KiB; they are then read from the storage.
  `CREATE TABLE manifest_content (digest TEXT PRIMARY KEY, media_type TEXT NOT NULL, size INTEGER NOT NULL, artifact_type TEXT,
     annotations TEXT, bytes BLOB) WITHOUT ROWID`,

  `CREATE TABLE reference (repository_id INTEGER NOT NULL, manifest TEXT NOT NULL, target TEXT NOT NULL, role TEXT NOT NULL,
     PRIMARY KEY (repository_id, manifest, target, role)) WITHOUT ROWID`,
  'CREATE INDEX reference_by_target ON reference (target)',

  // held: that of its manifest, so that a list of tags reads nothing else: 20 µs for 100 of them, 75 with a look at each manifest.
  `CREATE TABLE tag (repository_id INTEGER NOT NULL, name TEXT NOT NULL, digest TEXT, held INTEGER NOT NULL, number INTEGER NOT NULL,
     epoch INTEGER NOT NULL, PRIMARY KEY (repository_id, name)) WITHOUT ROWID`,
  'CREATE INDEX tag_by_digest ON tag (repository_id, digest)',

  // digest: of the first byte_offset bytes, if one process saw them all in this epoch. writer: the requests that may have its
  // file open, the newest first. Here and in claim an index for rare questions is left out: there are few rows at a time, and each
  // index is a page more in the log for each transaction (401 writes of the log for an image of 8 layers, 579 with three more).
  `CREATE TABLE upload (id TEXT PRIMARY KEY, repository TEXT NOT NULL, algorithm TEXT NOT NULL, byte_offset INTEGER NOT NULL,
     digest TEXT, state TEXT, writer TEXT, changed_at_ms INTEGER NOT NULL, epoch INTEGER NOT NULL) WITHOUT ROWID`,

  // Uploads in an object store: the multipart upload and its parts, and the pieces beyond them. Written by that storage alone.
  `CREATE TABLE object_upload (state TEXT PRIMARY KEY, part_size INTEGER NOT NULL, multipart_key TEXT, multipart_id TEXT,
     pieces TEXT NOT NULL, changed_at_ms INTEGER NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE object_part (state TEXT NOT NULL, number INTEGER NOT NULL, etag TEXT NOT NULL,
     PRIMARY KEY (state, number)) WITHOUT ROWID`,

  // kind: tag, manifest, link, blob. A blob's repository is ''.
  `CREATE TABLE claim (operation TEXT NOT NULL, kind TEXT NOT NULL, repository TEXT NOT NULL, name TEXT NOT NULL,
     alone INTEGER NOT NULL, process TEXT NOT NULL, number INTEGER NOT NULL,
     PRIMARY KEY (kind, repository, name, operation)) WITHOUT ROWID`,
  'CREATE INDEX claim_by_operation ON claim (operation)',

  'CREATE TABLE scan (id TEXT PRIMARY KEY, process TEXT NOT NULL, number INTEGER NOT NULL) WITHOUT ROWID',
]
