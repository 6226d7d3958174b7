import { afterEach, expect, test } from 'bun:test'
import { bucketOf, s3Settings } from '../../../../test/support/s3-storage.ts'
import type { Bucket } from '../bucket.ts'
import { createOwnMultipart } from './own-multipart.ts'

const BEGUN = '<InitiateMultipartUploadResult><UploadId>second</UploadId></InitiateMultipartUploadResult>'
const LISTED = `<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>${[
  ['key', 'first'],
  ['key', 'second'],
  ['key-of-another', 'other'],
]
  .map(
    ([key, id]) => `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>2026-01-01T00:00:00.000Z</Initiated></Upload>`,
  )
  .join('')}</ListMultipartUploadsResult>`

let server: Bun.Server<undefined> | undefined
afterEach(() => server?.stop(true))

/** A store whose answer to the first attempt is lost, and that answers the second one so; with what it was asked. */
function storeThatLosesAnAnswer(second: () => Response): { readonly bucket: Bucket; readonly asked: readonly string[] } {
  const asked: string[] = []
  server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch({ method, url }) {
      const id = new URL(url).searchParams.get('uploadId')
      asked.push(id === null ? method : `${method} ${id}`)
      if (method === 'GET') return new Response(LISTED)
      if (method === 'DELETE') return new Response(null, { status: 204 })
      return asked.length === 1 ? new Response(null, { status: 500 }) : second()
    },
  })
  const place = { endpoint: `http://127.0.0.1:${server.port}`, region: 'us-east-1', bucket: 'bucket' }
  return { bucket: bucketOf(s3Settings({ ...place, accessKey: 'key', secretKey: 'secret' })), asked }
}

test('of an upload that was begun twice the one stays of which the store told', async () => {
  const { bucket, asked } = storeThatLosesAnAnswer(() => new Response(BEGUN))

  expect(await createOwnMultipart(bucket, 'key')).toEqual({ key: 'key', uploadId: 'second' })
  expect(asked).toEqual(['POST', 'POST', 'GET', 'DELETE first'])
})

test('none stays where the store told of none', async () => {
  const { bucket, asked } = storeThatLosesAnAnswer(() => new Response(null, { status: 403 }))

  await expect(createOwnMultipart(bucket, 'key')).rejects.toThrow()
  expect(asked).toEqual(['POST', 'POST', 'GET', 'DELETE first', 'DELETE second'])
})

test('under a key that others use as well each stays, for it may be theirs', async () => {
  const { bucket, asked } = storeThatLosesAnAnswer(() => new Response(BEGUN))

  await bucket.createMultipart('key')
  expect(asked).toEqual(['POST', 'POST'])
})
