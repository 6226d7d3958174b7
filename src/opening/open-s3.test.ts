import { expect, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { RecordedLog } from '../../test/support/recorded-log.ts'
import { TemporaryFolder } from '../../test/support/temporary-folder.ts'
import { loadConfig } from '../config/load-config.ts'
import type { S3Config } from '../config/schema/s3-schema.ts'
import { prepareFile } from '../metadata/sqlite/database-file.ts'
import { SqliteMetadata } from '../metadata/sqlite/sqlite.ts'
import { openBucket, openS3 } from './open-s3.ts'

test('a start removes the parts that dead processes left beside the database, and nothing else that lies there', async () => {
  using folder = new TemporaryFolder()
  await using store = storeAnswering(403)
  const [dead, path] = [crypto.randomUUID(), folder.join('metadata.db')]
  for (const name of [`${dead}/part`, 'mine/part', 'part', `${dead}-copy/part`]) await folder.file(`parts/${name}`, 'bytes')
  prepareFile({ path, isOwnPlace: true }, 'a store')
  const metadata = new SqliteMetadata(path)

  const driver = await openS3(await bucketIn(folder, store), path, { log: undefined }).driver({
    metadata,
    beganEpoch: true,
    processId: 'this',
  })
  await driver.close()
  await metadata.close()

  expect((await readdir(folder.join('parts'))).sort()).toEqual([`${dead}-copy`, 'mine', 'part'])
})

test.each([
  ['refuses a DELETE that comes too late', 403, 17_000, []],
  [
    'does it',
    204,
    900_000,
    ['the object store does what comes late: what a request without an answer is about stays taken for 15 minutes'],
  ],
])('a start finds out that the store %s', async (_, status, lateMs, told) => {
  using folder = new TemporaryFolder()
  await using store = storeAnswering(status)
  const path = folder.join('metadata.db')
  prepareFile({ path: path, isOwnPlace: true }, 'a store')
  const metadata = new SqliteMetadata(path)
  const log = new RecordedLog()

  const opened = openS3(await bucketIn(folder, store), path, { log })
  const driver = await opened.driver({ metadata, beganEpoch: true, processId: 'this' })
  await driver.close()
  await metadata.close()

  expect(driver.capabilities).toMatchObject({ lateMs, lateBytesMs: 2_000 })
  expect(log.lines.map(({ message }) => message)).toEqual(told)
})

test('of a bucket with versions the log says once that what is deleted stays', async () => {
  using folder = new TemporaryFolder()
  await using versioned = storeAnswering(204, { 'x-amz-delete-marker': 'true' })
  await using plain = storeAnswering(204)
  const log = new RecordedLog()

  for (const store of [versioned, plain]) {
    const { bucket } = openBucket(await bucketIn(folder, store), log)
    const before = log.lines.length
    await bucket.put('one', new Uint8Array())
    expect(log.lines.length).toBe(before)
    for (const key of ['one', 'two']) await bucket.delete(key)
    await bucket.deleteInTime('three', { isGuarded: false })
  }

  expect(log.lines).toEqual([
    expect.objectContaining({
      message: 'the bucket keeps what is deleted as versions: it gets no smaller until a lifecycle rule removes them',
      fields: { bucket: 'b' },
    }),
  ])
})

function storeAnswering(status: number, headers: Readonly<Record<string, string>> = {}) {
  const fetch = () => new Response(null, { status, headers })
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch })
  return { url: server.url.origin, [Symbol.asyncDispose]: async () => await server.stop(true) }
}

async function bucketIn(folder: TemporaryFolder, { url }: { readonly url: string }): Promise<S3Config> {
  const s3 = `{region: us-east-1, bucket: b, accesskey: a, secretkey: s, regionendpoint: "${url}"}`
  const file = await folder.file('config.yml', `version: 0.1\nstorage: {s3: ${s3}}\nhttp: {addr: ":5000"}\n`)
  const { driver } = loadConfig({ path: file, environment: {} }).config.storage
  if (driver.kind !== 's3') throw new Error('it is no bucket')
  return driver
}
