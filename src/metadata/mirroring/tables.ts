/** Which blobs are on their way from other registries. A row stays when its process has died: another one takes its place, or removes it. */
export const FETCH_TABLES: readonly string[] = [
  // mirror: the prefix of its mirror, or ''. state: the file into which it comes, null before the first byte. bytes_id: the same only where a process goes
  // on with the bytes of another one. size: as the other registry declared it; null: not known. reserved: how many bytes of the limit of the mirror are kept for it. There are few rows at a time: no index is worth its page.
  `CREATE TABLE fetch (repository TEXT NOT NULL, digest TEXT NOT NULL, process TEXT NOT NULL, mirror TEXT NOT NULL, epoch INTEGER NOT NULL,
     state TEXT, bytes_id TEXT, size INTEGER, reserved INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (repository, digest)) WITHOUT ROWID`,
]

/** Bytes whose links a process removes: what counts links counts them no more, and they take room until they are gone. */
export const LEAVING_TABLES: readonly string[] = [
  // id: of one removal. counted_as: the name of what counted them. There are few rows at a time: no index is worth its page.
  `CREATE TABLE leaving (id TEXT NOT NULL, counted_as TEXT NOT NULL, process TEXT NOT NULL, epoch INTEGER NOT NULL, bytes INTEGER NOT NULL,
     PRIMARY KEY (id, counted_as)) WITHOUT ROWID`,
]

/** What a rule of a mirror has brought and names: it stays here whatever limits the mirror has. */
export const SYNC_TABLES: readonly string[] = [
  // mirror: the prefix of the mirror. run: the number of the run that named it last.
  `CREATE TABLE synced (mirror TEXT NOT NULL, repository TEXT NOT NULL, digest TEXT NOT NULL, run INTEGER NOT NULL,
     PRIMARY KEY (mirror, repository, digest)) WITHOUT ROWID`,
]
