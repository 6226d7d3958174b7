import { LifeLocks } from '../../src/metadata/sqlite/life-lock.ts'

/** A program that takes a lock, says so, and holds it until it is killed: `<directory> life|start <id>`. */
const [directory = '', kind = '', id = ''] = process.argv.slice(2)
const locks = await LifeLocks.open(directory)
const held = Promise.withResolvers<void>()
process.stdin.on('end', () => held.resolve()).resume()
if (kind === 'life') {
  locks.hold(id, { database: `database of ${id}`, path: 'somewhere' })
  process.stdout.write('held\n')
  await held.promise
} else {
  await locks.whileStarting(async () => {
    process.stdout.write('held\n')
    await held.promise
  })
}
