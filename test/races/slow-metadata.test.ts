import { expect, test } from 'bun:test'
import type { Metadata } from '../../src/metadata/query.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { makeImage } from '../support/images.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** As a database on another machine, which needs a trip for its revision. */
function withTrips(metadata: Metadata): Metadata {
  return {
    read: metadata.read,
    write: (operation) => metadata.write(operation),
    revision: async () => {
      await Bun.sleep(1)
      return await metadata.revision()
    },
  }
}

test('a tag that another process has moved is pulled as it is now, also where the revision of the metadata is told later', async () => {
  using folder = new TemporaryFolder()
  await using one = await BerthInProcess.start(folder.join('data'), { metadata: withTrips })
  await using other = await BerthInProcess.start(folder.join('data'), { metadata: withTrips })
  const [first, second] = [makeImage('first'), makeImage('second')]
  const digestAt = async ({ client }: BerthInProcess) =>
    (await client.headManifest('app', 'latest')).headers.get('docker-content-digest')
  for (const { manifest, layers, config } of [first, second]) {
    for (const blob of [...layers, config]) await one.client.pushBlob('app', blob)
    await one.client.putManifest('app', 'latest', manifest)
    expect(await digestAt(one)).toBe(manifest.digest)
    expect(await digestAt(one)).toBe(manifest.digest)
  }

  await other.client.putManifest('app', 'latest', first.manifest)

  expect([await digestAt(one), await digestAt(other)]).toEqual([first.manifest.digest, first.manifest.digest])
})
