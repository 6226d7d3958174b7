/** Of the files of a database that is open: SQLite has no other word for a disk that became read-only under it. */
const FAILED_WRITES: ReadonlySet<string> = new Set(
  ['WRITE', 'FSYNC', 'DIR_FSYNC', 'TRUNCATE', 'SHMSIZE'].map((name) => `SQLITE_IOERR_${name}`),
)

/** True for what SQLite says where the disk takes nothing more. */
export function isNotWritable(code: string): boolean {
  return code === 'SQLITE_FULL' || code.startsWith('SQLITE_READONLY') || FAILED_WRITES.has(code)
}
