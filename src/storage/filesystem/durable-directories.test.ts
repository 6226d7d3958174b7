import { expect, test } from 'bun:test'
import { join } from 'node:path'
import type { Disk } from './disk.ts'
import { DurableDirectories } from './durable-directories.ts'

/** The two calls that are made of a disk; it takes everything. */
const DISK = { makeDirectory: async () => undefined, syncDirectory: async () => undefined } as Partial<Disk> as Disk
const ROOT = '/root'

test('directories are known to be durable for an hour, and 20,000 of them at most', async () => {
  let now = 0
  const directories = new DurableDirectories(DISK, ROOT, () => now)
  for (let made = 0; made < 20_010; made += 1) await directories.ensure(join(ROOT, `${made}`))
  const most = directories.size
  now = 1_800_000
  await directories.ensure(join(ROOT, 'later'))
  now = 3_600_000
  directories.sweep()

  expect(most).toBe(20_000)
  expect(directories.size).toBe(1)
})
