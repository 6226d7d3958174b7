import { PROGRAM_NAMES } from '../test/support/berth-program.ts'
import { buildBinary } from './image/binary.ts'

/** Makes the programs that tests start, in that folder, which `BERTH_TEST_PROGRAMS` then names. */
export async function buildTestPrograms(folder: string): Promise<void> {
  const withTimes = { name: PROGRAM_NAMES.withTimes, entry: 'test/support/berth-with-times.ts' }
  await Promise.all([buildBinary(folder), buildBinary(folder, withTimes)])
}

/** `bun scripts/test-programs.ts <folder>`: once for several runs of the tests. */
if (import.meta.main) {
  const [folder] = process.argv.slice(2)
  if (folder === undefined) throw new Error('Name the folder into which the programs go')
  await buildTestPrograms(folder)
}
