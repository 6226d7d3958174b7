import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { describeOnEachStore } from '../../../test/support/object-store.ts'
import { S3Client, type S3Place } from '../../../test/support/s3-client.ts'
import { bucketOf, s3Settings } from '../../../test/support/s3-storage.ts'
import { always, type FaultRule, lacking, staleLists } from '../../../test/support/store-faults.ts'
import { StoreProxy } from '../../../test/support/store-proxy.ts'
import { runSteps, type StepResult } from '../check-step.ts'
import { Bucket } from './bucket.ts'
import { KeySpace } from './key-space.ts'
import { S3Error } from './requests/s3-error.ts'
import { s3Steps } from './s3-check.ts'
import { explainS3 } from './s3-explain.ts'

setDefaultTimeout(300_000)

describeOnEachStore('the check of a bucket', (store) => {
  test('passes each step and leaves nothing behind', async () => {
    const place = await store().newBucket()

    const results = await check(place)

    expect(results.map(({ step, result }) => `${result}: ${step}`)).toEqual([
      'passed: reach the bucket',
      'passed: agree on the time',
      'passed: put an object',
      'passed: see it, and see what is absent',
      'passed: read it, and a part of it',
      'passed: list it',
      'passed: make an object of parts',
      'passed: give up parts',
      'passed: see unfinished parts',
      'passed: copy an object',
      'passed: copy a part of an object',
      'passed: read with a presigned URL',
      'passed: refuse what comes late',
      'passed: delete',
    ])
    expect(await new S3Client(place).list('')).toEqual([])
  })

  test('says what a wrong key, and a bucket that is not there, mean; what comes after is not tried', async () => {
    const place = await store().newBucket()

    const wrongKey = await check({ ...place, secretKey: 'another' })
    const noBucket = await check({ ...place, bucket: 'no-such-bucket' })

    expect(reasonsIn(wrongKey)).toEqual([expect.stringContaining('The secret key is wrong, or a proxy')])
    expect(reasonsIn(noBucket)).toEqual([expect.stringContaining('There is no bucket no-such-bucket at http://127.0.0.1:')])
    expect(wrongKey.slice(1).map(({ result }) => result)).toEqual(Array(13).fill('not tried'))
  })

  test.each([
    ['lacks copies', [lacking('CopyObject', 'UploadPartCopy')], 'limited', 'The store cannot do that; Berth sends the bytes'],
    [
      'may not delete',
      [refusing('DeleteObject')],
      'failed',
      'The credentials may not do s3:DeleteObject; allow it for the bucket',
    ],
    ['may not abort', [refusing('AbortMultipartUpload')], 'failed', 'The credentials may not do s3:AbortMultipartUpload'],
    ['shows old lists', [staleLists(60_000)], 'limited', 'A list lacks what was put a moment ago'],
    ['shows no uploads', [lacking('ListMultipartUploads')], 'limited', 'set a lifecycle rule there'],
    ['may not read', [refusing('GetObject')], 'failed', 'The credentials may not do s3:GetObject'],
  ] as const)('names what is wrong with a store that %s', async (_, rules, result, reason) => {
    const place = await store().newBucket()
    await using proxy = await StoreProxy.start(place.endpoint)
    proxy.use(...rules)

    const results = await check({ ...place, endpoint: proxy.endpoint })

    const wrong = results.filter((step) => step.result !== 'passed')
    expect(wrong).not.toBeEmpty()
    expect(wrong[0]).toMatchObject({ result, reason: expect.stringContaining(reason) })
  })

  test('does not wait for ever where clients would be sent', async () => {
    const place = await store().newBucket()
    using silent = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } })
    const bucket = bucketOf(s3Settings(place, { publicEndpoint: `http://127.0.0.1:${silent.port}` }))

    const results = await check(place, bucket)

    expect(reasonsIn(results)).toEqual([expect.stringContaining(`127.0.0.1:${silent.port} does not answer`)])
  })

  test('compares the clocks', async () => {
    const place = await store().newBucket()
    const settings = s3Settings(place)
    const bucket = new (class extends Bucket {
      override storeTimeMs(): number {
        return super.storeTimeMs() - 300_000
      }
    })({ settings, credentials: async () => settings.credentials ?? never() })

    const results = await check(place, bucket)

    expect(reasonsIn(results)).toEqual([
      expect.stringMatching(/^This machine's clock is (29[5-9]|30\d) s ahead of the store's; set it by NTP/),
    ])
  })
})

describe('the explanation of', () => {
  const where = {
    ...s3Settings({ endpoint: 'http://store:9000', region: 'eu-central-1', accessKey: 'AKIA', secretKey: 's', bucket: 'b' }),
  }

  test.each([
    [403, 'InvalidAccessKeyId', 'The store does not know the access key AKIA'],
    [301, 'PermanentRedirect', 'The bucket is not in eu-central-1; set region'],
    [400, 'AuthorizationHeaderMalformed', 'The bucket is not in eu-central-1; set region'],
    [403, 'RequestTimeTooSkewed', 'The clocks of this machine and of the store differ'],
    [400, 'ExpiredToken', 'The session token is over or wrong'],
    [400, 'AccessControlListNotSupported', 'leave objectacl out'],
    [403, '', 'The credentials may not do s3:PutObject; allow it for the bucket b'],
    [503, 'SlowDown', 'The store fails or is too busy'],
    [404, '', 'set forcepathstyle: true'],
  ])('status %d with code %p', (status, code, sentence) => {
    const error = new S3Error({ status, code, message: '', request: 'PUT key' })

    expect(explainS3(error, where, 's3:PutObject')).toContain(sentence)
  })

  test.each([
    ['ECONNREFUSED: Unable to connect.', 'Nothing answers at http://store:9000; start the store'],
    ['getaddrinfo ENOTFOUND store', "unknown to this machine's DNS"],
    ['self signed certificate', 'is not trusted, or not for that name'],
    ['ERR_TLS_CERT_ALTNAME_INVALID fetching', 'is not trusted, or not for that name'],
    ['EPROTO: The TLS handshake failed.', 'is it http where secure says https'],
    ['ECONNRESET: The socket connection was closed', 'is it http where secure says https'],
    ['no answer in time', 'does not answer in time'],
    ['the answer is cut off, or not one of S3', 'http://store:9000 does not answer as S3 does; correct regionendpoint'],
    ['Could not load credentials from any providers', 'No credentials were found'],
  ])('no answer, but %p', (message, sentence) => {
    const error = new S3Error({ status: undefined, code: '', message, request: 'PUT key' })

    expect(explainS3(error, where, 's3:PutObject')).toContain(sentence)
  })
})

async function check(place: S3Place, bucket = bucketOf(s3Settings(place))): Promise<readonly StepResult[]> {
  const settings = s3Settings(place, { rootDirectory: '/deep/root' })
  const steps = s3Steps({ settings, bucket, keys: new KeySpace(settings.rootDirectory), redirects: true })
  return await Array.fromAsync(runSteps(steps, () => undefined))
}

function refusing(...actions: Parameters<typeof always>[0]): FaultRule {
  return always(actions, { kind: 'refuse', status: 403, code: 'AccessDenied' })
}

function reasonsIn(results: readonly StepResult[]): readonly string[] {
  return results.flatMap((result) => (result.result === 'failed' ? [result.reason] : []))
}

function never(): never {
  throw new Error('the test has credentials')
}
