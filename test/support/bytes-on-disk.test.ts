import { expect, test } from 'bun:test'
import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import { blobBytesOnDisk } from './bytes-on-disk.ts'
import { TemporaryFolder } from './temporary-folder.ts'

test.each([
  ['berth/uploads/1', 'docker/registry/v2/blobs/sha256/1'],
  ['berth/staging/1', 'docker/registry/v2/blobs/sha256/1'],
  ['docker/registry/v2/blobs/sha256/1', 'berth/trash/1'],
  ['berth/uploads/1', 'berth/trash/1'],
])('bytes that go from %s to %s while they are counted are not counted twice', async (from, to) => {
  for (const place of [1, 2, 3, 4]) {
    using folder = new TemporaryFolder()
    await folder.file(`${from}/data`, 'ten bytes.')
    let places = 0
    const move = () => {
      places += 1
      if (places !== place || !existsSync(folder.join(from))) return
      mkdirSync(dirname(folder.join(to)), { recursive: true })
      renameSync(folder.join(from), folder.join(to))
    }

    expect(blobBytesOnDisk(folder.path, move)).toBeLessThanOrEqual(10)
    expect(blobBytesOnDisk(folder.path)).toBe(10)
  }
})
