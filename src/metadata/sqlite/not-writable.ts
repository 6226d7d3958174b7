/** True for what SQLite says where the disk takes nothing more; the last one is for the file of its shared memory. */
export function isNotWritable(code: string): boolean {
  return code === 'SQLITE_FULL' || code.startsWith('SQLITE_READONLY') || code === 'SQLITE_IOERR_SHMSIZE'
}
