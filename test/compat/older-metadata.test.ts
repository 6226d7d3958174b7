import { expect, test } from 'bun:test'
import { MIGRATIONS } from '../../src/metadata/sqlite/migrations.ts'
import { BASE_VERSION } from '../../src/metadata/sqlite/schema.ts'
import { AppInTest } from '../support/app-in-test.ts'
import { contentOf, fixedBytes } from '../support/images.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { turnIntoVersion3 } from '../support/version-3-database.ts'

const blob = contentOf('application/octet-stream', fixedBytes(300_000))

test('an upload that was open when Berth was replaced by one with newer tables goes on, and what was there is served', async () => {
  using folder = new TemporaryFolder()
  const storage = { filesystem: { rootdirectory: folder.join('data') } }
  const location = await withApp({ folder, storage }, async ({ client }) => {
    await client.pushBlob('app', blob)
    return await client.appendUpload(await client.startUpload('other'), blob.bytes.subarray(0, 100_000))
  })
  turnIntoVersion3(folder.join('data/berth/metadata.db'))

  await withApp({ folder, storage }, async ({ client, log }) => {
    const next = await client.appendUpload(location, blob.bytes.subarray(100_000, 200_000))
    expect((await client.closeUpload(next, blob.digest, blob.bytes.subarray(200_000))).status).toBe(201)

    for (const repository of ['app', 'other'])
      expect(await (await client.getBlob(repository, blob.digest)).bytes()).toEqual(blob.bytes)
    expect(log.lines.map(({ message }) => message)).not.toContain('metadata database set aside, building a new one')
    const migrated = log.lines.filter(({ message }) => message === 'metadata database migrated')
    expect(migrated.map(({ fields }) => fields.from)).toEqual(MIGRATIONS.length > 0 ? [BASE_VERSION] : [])
  })
})

async function withApp<Result>(
  { folder, storage }: { readonly folder: TemporaryFolder; readonly storage: object },
  run: (app: AppInTest) => Promise<Result>,
): Promise<Result> {
  await using app = await AppInTest.start(folder, { storage })
  return await run(app)
}
