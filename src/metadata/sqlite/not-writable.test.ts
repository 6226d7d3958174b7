import { expect, test } from 'bun:test'
import { isNotWritable } from './not-writable.ts'

test.each([
  ['SQLITE_FULL', true],
  ['SQLITE_READONLY', true],
  ['SQLITE_READONLY_DBMOVED', true],
  ['SQLITE_IOERR_WRITE', true],
  ['SQLITE_IOERR_FSYNC', true],
  ['SQLITE_IOERR_SHMSIZE', true],
  ['SQLITE_IOERR_READ', false],
  ['SQLITE_CORRUPT', false],
  ['SQLITE_BUSY', false],
  ['', false],
])('what SQLite calls "%s": that the disk takes nothing is %p', (code, takesNothing) => {
  expect(isNotWritable(code)).toBe(takesNothing)
})
