import { expect, test } from 'bun:test'
import { stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { startBerth } from '../support/berth-process.ts'
import { blobPlaces, imagePlaces, missing } from '../support/collected-places.ts'
import { collect, DAY_MS, HOUR_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { blobsOf, contentOf, makeImage } from '../support/images.ts'
import { MountedFileSystem } from '../support/mounts.ts'
import { poll } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000
const LOG_BYTES = 8 * 1024 * 1024

describeWith({ programs: ['mount', 'umount', 'dd'], root: true }, 'a disk that is full', () => {
  test(
    'has room again when the collector has taken what nothing needs, and all else is whole',
    async () => {
      using folder = new TemporaryFolder()
      await using disk = await MountedFileSystem.mount(folder, 'size=64m')
      await using berth = await startBerth({ folder, dataDirectory: disk.path, expectsFaults: true })
      const client = new RegistryClient(berth.url)
      const image = makeImage('kept')
      const orphans = Array.from({ length: 100 }, (_, number) => contentOf('', Buffer.alloc(40_000, `layer ${number}`)))
      for (const blob of [...blobsOf(image), ...orphans]) await client.pushBlob('app', blob)
      await expectStatus(await client.putManifest('app', 'latest', image.manifest), 201)
      await poll('the log has its space', 90_000, async () => {
        return (await stat(join(disk.path, 'berth/metadata.db-wal'))).size >= LOG_BYTES || undefined
      })
      // The same storage, with a collector that the test runs, and a clock that it moves.
      await using collecting = await BerthInProcess.start(disk.path, { collector: TEST_POLICY })
      await collecting.scan()
      await passTime(collecting, DAY_MS + HOUR_MS)
      await collect(collecting)
      await disk.fill()
      expect((await statfs(disk.path)).bavail).toBe(0)

      await passTime(collecting, HOUR_MS)
      await collect(collecting)

      expect(
        missing(
          disk.path,
          orphans.flatMap((orphan) => blobPlaces('app', orphan)),
        ),
      ).toHaveLength(200)
      expect(missing(disk.path, imagePlaces('app', image))).toEqual([])
      await poll('space comes back', 90_000, async () => (await statfs(disk.path)).bavail > 0 || undefined)
      for (const { digest, bytes } of blobsOf(image)) expect(await (await client.getBlob('app', digest)).bytes()).toEqual(bytes)
      expect((await client.headBlob('app', orphans[0]?.digest ?? '')).status).toBe(404)
    },
    TEST_MS,
  )
})
