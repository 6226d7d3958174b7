import { Database } from 'bun:sqlite'
import { mkdirSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import { identityOf } from '../../src/metadata/sqlite/database-file.ts'

/**
 * The tables of version 3, the first from which databases are migrated, as that version made them. They are a copy on purpose: what lies on
 * the disks of users does not change with `src/metadata/sqlite/schema.ts`.
 */
const TABLES = `
  CREATE TABLE property (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE repository (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, scanned_epoch INTEGER NOT NULL DEFAULT 0);
  CREATE TABLE blob (digest TEXT PRIMARY KEY, state TEXT NOT NULL, size INTEGER, candidate_since_ms INTEGER NOT NULL,
    number INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE link (repository_id INTEGER NOT NULL, digest TEXT NOT NULL, target TEXT, number INTEGER NOT NULL,
    epoch INTEGER NOT NULL, PRIMARY KEY (repository_id, digest)) WITHOUT ROWID;
  CREATE INDEX link_by_target ON link (target, repository_id);
  CREATE TABLE manifest (repository_id INTEGER NOT NULL, digest TEXT NOT NULL, held INTEGER NOT NULL, subject TEXT,
    number INTEGER NOT NULL, epoch INTEGER NOT NULL, PRIMARY KEY (repository_id, digest)) WITHOUT ROWID;
  CREATE INDEX manifest_by_digest ON manifest (digest, held);
  CREATE INDEX manifest_by_subject ON manifest (repository_id, subject, digest, held) WHERE subject IS NOT NULL;
  CREATE TABLE manifest_content (digest TEXT PRIMARY KEY, media_type TEXT NOT NULL, size INTEGER NOT NULL, artifact_type TEXT,
    annotations TEXT, bytes BLOB) WITHOUT ROWID;
  CREATE TABLE reference (repository_id INTEGER NOT NULL, manifest TEXT NOT NULL, target TEXT NOT NULL, role TEXT NOT NULL,
    PRIMARY KEY (repository_id, manifest, target, role)) WITHOUT ROWID;
  CREATE INDEX reference_by_target ON reference (target);
  CREATE TABLE tag (repository_id INTEGER NOT NULL, name TEXT NOT NULL, digest TEXT, held INTEGER NOT NULL, number INTEGER NOT NULL,
    epoch INTEGER NOT NULL, PRIMARY KEY (repository_id, name)) WITHOUT ROWID;
  CREATE INDEX tag_by_digest ON tag (repository_id, digest);
  CREATE TABLE upload (id TEXT PRIMARY KEY, repository TEXT NOT NULL, algorithm TEXT NOT NULL, byte_offset INTEGER NOT NULL,
    digest TEXT, state TEXT, writer TEXT, changed_at_ms INTEGER NOT NULL, epoch INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE object_upload (state TEXT PRIMARY KEY, part_size INTEGER NOT NULL, multipart_key TEXT, multipart_id TEXT,
    pieces TEXT NOT NULL, changed_at_ms INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE object_part (state TEXT NOT NULL, number INTEGER NOT NULL, etag TEXT NOT NULL,
    PRIMARY KEY (state, number)) WITHOUT ROWID;
  CREATE TABLE claim (operation TEXT NOT NULL, kind TEXT NOT NULL, repository TEXT NOT NULL, name TEXT NOT NULL,
    alone INTEGER NOT NULL, process TEXT NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (kind, repository, name, operation)) WITHOUT ROWID;
  CREATE INDEX claim_by_operation ON claim (operation);
  CREATE TABLE scan (id TEXT PRIMARY KEY, process TEXT NOT NULL, number INTEGER NOT NULL) WITHOUT ROWID;
`

const CONTENT = `
  INSERT INTO counter VALUES ('number', 12);
  INSERT INTO property VALUES ('epoch', '4'), ('names-epoch', '4'), ('blobs-epoch', '4'), ('complete-epoch', '4'), ('scanner', 'a process');
  INSERT INTO repository VALUES (1, 'a', 4);
  INSERT INTO blob VALUES ('sha256:00', 'live', 5, 1000, 3);
  INSERT INTO link VALUES (1, 'sha256:00', 'sha256:00', 3, 4), (1, 'sha256:01', NULL, 4, 4);
  INSERT INTO manifest VALUES (1, 'sha256:02', 1, NULL, 5, 4), (1, 'sha256:03', 0, NULL, 6, 4);
  INSERT INTO manifest_content VALUES ('sha256:02', 'application/vnd.oci.image.manifest.v1+json', 2, NULL, NULL, x'7b7d'),
    ('sha256:03', 'application/vnd.oci.image.manifest.v1+json', 2, NULL, NULL, x'7b7d');
  INSERT INTO reference VALUES (1, 'sha256:02', 'sha256:00', 'layer');
  INSERT INTO tag VALUES (1, 'v1', 'sha256:02', 1, 5, 4), (1, 'gone', NULL, 0, 7, 4);
`

/** Open uploads: one that has begun, one that nothing was written to, and one in an object store. */
const UPLOADS = `
  INSERT INTO upload VALUES ('begun', 'a', 'sha256', 5, 'sha256:04', 'berth/uploads/begun', 'a request', 2000, 4),
    ('new', 'b', 'sha512', 0, NULL, NULL, NULL, 3000, 0);
  INSERT INTO object_upload VALUES ('object', 5242880, 'a key', 'an id', '[]', 2000);
  INSERT INTO object_part VALUES ('object', 1, 'a tag'), ('object', 2, 'another tag');
`

/** Makes a database as version 3 left it at a clean stop, with content and open uploads. */
export function makeVersion3Database(path: string, store: string): void {
  makeTables(path, store, CONTENT + UPLOADS)
}

/** Adds manifests that a repository holds, by the digests that their names are, to a database of version 3, 4 or 5. */
export function addAnnotations(path: string, texts: Readonly<Record<string, string>>): void {
  const database = new Database(path, { readwrite: true, strict: true })
  for (const [digest, text] of Object.entries(texts)) {
    database.run('INSERT INTO manifest VALUES (1, ?, 1, NULL, 5, 4)', [digest])
    database.run("INSERT INTO manifest_content VALUES (?, 'a type', 9, NULL, ?, NULL)", [digest, text])
  }
  database.close()
}

/**
 * Puts a database of version 3 in the place of one of a later version, which no process uses: with its open uploads, and without the
 * content, of which the storage tells.
 */
export function turnIntoVersion3(path: string): void {
  const later = new Database(path, { readwrite: true, strict: true })
  const store = later.query<{ value: string }, []>("SELECT value FROM property WHERE name = 'store'").get()?.value ?? ''
  const uploads = later.query<Record<(typeof UPLOAD_COLUMNS)[number], string | number | null>, []>('SELECT * FROM upload').all()
  later.close()
  makeTables(`${path}.3`, store, "INSERT INTO counter VALUES ('number', 0); INSERT INTO property VALUES ('epoch', '1');")
  const older = new Database(`${path}.3`, { readwrite: true, strict: true })
  const insert = older.query(`INSERT INTO upload (${UPLOAD_COLUMNS}) VALUES (${UPLOAD_COLUMNS.map(() => '?')})`)
  for (const upload of uploads) insert.run(...UPLOAD_COLUMNS.map((column) => upload[column]))
  insert.finalize()
  older.close()
  renameSync(`${path}.3`, path)
}

const UPLOAD_COLUMNS = [
  ...(['id', 'repository', 'algorithm', 'byte_offset', 'digest', 'state', 'writer', 'changed_at_ms', 'epoch'] as const),
]

function makeTables(path: string, store: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true })
  const database = new Database(path, { readwrite: true, create: true, strict: true })
  database.run('PRAGMA journal_mode = WAL')
  database.run(TABLES + content)
  const property = database.query('INSERT INTO property (name, value) VALUES (?, ?)')
  for (const pair of Object.entries({ schema: '3', store, inode: identityOf(path) ?? '' })) property.run(...pair)
  property.finalize()
  database.close()
}
