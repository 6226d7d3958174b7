import { afterAll, beforeAll, expect, test } from 'bun:test'
import { loadText } from '../../test/support/config-text.ts'
import { RecordedLog } from '../../test/support/recorded-log.ts'
import { createAuthority, issueServerCertificate } from '../certificates/issue.ts'
import { openBucket } from './open-s3.ts'

/** What each setting of a bucket changes in the requests, seen by the store. */

interface Asked {
  readonly method: string
  readonly headers: Headers
}

const asked: Asked[] = []
const stores: { stop(force: boolean): Promise<void> }[] = []
let plain: string
let overTls: string

beforeAll(async () => {
  const { certificate, key } = await issueServerCertificate(await createAuthority('store'), { hosts: ['127.0.0.1'] })
  const fetch = async (request: Request) => {
    await request.arrayBuffer()
    asked.push({ method: request.method, headers: request.headers })
    return new Response(null, { headers: { etag: '"x"', 'content-length': '0' } })
  }
  const servers = [
    Bun.serve({ port: 0, hostname: '127.0.0.1', fetch }),
    Bun.serve({ port: 0, hostname: '127.0.0.1', fetch, tls: { cert: certificate, key } }),
  ] as const
  stores.push(...servers)
  plain = servers[0].url.href.replace(/\/$/, '')
  overTls = servers[1].url.href.replace(/\/$/, '')
})
afterAll(async () => {
  for (const store of stores) await store.stop(true)
})

test.each([
  ['encrypt: true', { 'x-amz-server-side-encryption': 'AES256', 'x-amz-server-side-encryption-aws-kms-key-id': null }],
  [
    'encrypt: true, keyid: alias/images',
    { 'x-amz-server-side-encryption': 'aws:kms', 'x-amz-server-side-encryption-aws-kms-key-id': 'alias/images' },
  ],
  ['keyid: alias/images', { 'x-amz-server-side-encryption': null, 'x-amz-server-side-encryption-aws-kms-key-id': null }],
  ['storageclass: standard_ia', { 'x-amz-storage-class': 'STANDARD_IA' }],
  ['storageclass: NONE', { 'x-amz-storage-class': null }],
  ['objectacl: bucket-owner-full-control', { 'x-amz-acl': 'bucket-owner-full-control' }],
  ['useragent: registry of ours', { 'user-agent': 'registry of ours' }],
  ['sessiontoken: passing', { 'x-amz-security-token': 'passing' }],
])('%s shows in the headers of a PUT', async (settings, expected) => {
  const { headers } = await putWith(plain, settings)

  expect(Object.fromEntries(Object.keys(expected).map((name) => [name, headers.get(name)]))).toEqual(expected)
})

test.each([
  ['off', 0],
  ['debug', 1],
])('loglevel: %s leaves %d lines for a request', async (level, count) => {
  const log = new RecordedLog()

  await putWith(plain, `loglevel: ${level}`, log)

  expect(log.lines.filter(({ message }) => message === 'object store request')).toHaveLength(count)
})

test('skipverify: true takes a certificate of anyone, and false does not', async () => {
  expect((await putWith(overTls, 'skipverify: true')).method).toBe('PUT')
  await expect(putWith(overTls, 'skipverify: false')).rejects.toThrow()
})

/** The request that the store saw. */
async function putWith(endpoint: string, settings: string, log = new RecordedLog()): Promise<Asked> {
  const { config } = loadText(
    `version: 0.1\nstorage: {s3: {bucket: a, region: b, regionendpoint: '${endpoint}', accesskey: a, secretkey: b, ${settings}}}\n`,
  )
  const { driver } = config.storage
  if (driver.kind !== 's3') throw new Error('the configuration names no bucket')
  const before = asked.length
  await openBucket(driver, log).bucket.put('key', new TextEncoder().encode('bytes'))
  const request = asked[before]
  if (request === undefined) throw new Error('the store saw no request')
  return request
}
