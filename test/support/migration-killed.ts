import { MIGRATIONS } from '../../src/metadata/sqlite/migrations.ts'
import { openMetadata } from '../../src/metadata/sqlite/open.ts'
import { cutBefore, steppedMigrations } from './stepped-migrations.ts'

/**
 * A program that opens a database with migrations, and is killed before a step of them: `<path> <run directory> <step>`, or before a statement of
 * one of Berth's own: `<path> <run directory> <statement> <version>`.
 */
const [path = '', runDirectory = '', step = '', version] = process.argv.slice(2)
const kill = () => process.kill(process.pid, 'SIGKILL')
const stepped = () =>
  steppedMigrations((number) => {
    if (number === Number(step)) kill()
  })
const own = () =>
  MIGRATIONS.map((migration) => (migration.version === Number(version) ? cutBefore(migration, Number(step), kill) : migration))
const migrations = version === undefined ? stepped() : own()
await openMetadata({ path, runDirectory, storeId: async () => 'store', migrations })
