import { expect, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { TemporaryFolder } from '../../test/support/temporary-folder.ts'
import type { S3Config } from '../config/config.ts'
import { loadConfig } from '../config/load-config.ts'
import { prepareFile } from '../metadata/sqlite/database-file.ts'
import { SqliteMetadata } from '../metadata/sqlite/sqlite.ts'
import { openS3 } from './open-s3.ts'

test('a start removes the parts that dead processes left beside the database, and nothing else that lies there', async () => {
  using folder = new TemporaryFolder()
  const [dead, path] = [crypto.randomUUID(), folder.join('metadata.db')]
  for (const name of [`${dead}/part`, 'mine/part', 'part', `${dead}-copy/part`]) await folder.file(`parts/${name}`, 'bytes')
  prepareFile(path, 'a store')
  const metadata = new SqliteMetadata(path)

  const driver = await openS3(await bucketIn(folder), path, undefined).driver({ metadata, beganEpoch: true, processId: 'this' })
  await driver.close()
  await metadata.close()

  expect((await readdir(folder.join('parts'))).sort()).toEqual([`${dead}-copy`, 'mine', 'part'])
})

async function bucketIn(folder: TemporaryFolder): Promise<S3Config> {
  const s3 = '{region: us-east-1, bucket: b, accesskey: a, secretkey: s}'
  const file = await folder.file('config.yml', `version: 0.1\nstorage: {s3: ${s3}}\nhttp: {addr: ":5000"}\n`)
  const { driver } = loadConfig({ path: file, environment: {} }).config.storage
  if (driver.kind !== 's3') throw new Error('it is no bucket')
  return driver
}
