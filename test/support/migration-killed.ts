import { openMetadata } from '../../src/metadata/sqlite/open.ts'
import { steppedMigrations } from './stepped-migrations.ts'

/** A program that opens a database with migrations, and is killed before a step of them: `<path> <run directory> <step>`. */
const [path = '', runDirectory = '', step = ''] = process.argv.slice(2)
const migrations = steppedMigrations((number) => {
  if (number === Number(step)) process.kill(process.pid, 'SIGKILL')
})
await openMetadata({ path, runDirectory, storeId: async () => 'store', migrations })
