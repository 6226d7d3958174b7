import { expect, test } from 'bun:test'
import { describeOnEachStore } from './object-store.ts'
import { elementsOf, S3Client } from './s3-client.ts'

describeOnEachStore('a store for tests', (store) => {
  test('gives back what was put, in a bucket that is empty at first', async () => {
    const client = new S3Client(await store().newBucket())
    const before = await client.list('')

    await client.put('docker/registry/v2/a b+c/data', 'bytes')

    const response = await client.send({ method: 'GET', key: 'docker/registry/v2/a b+c/data' })
    expect(await response.text()).toBe('bytes')
    expect([before, await client.list('docker/')]).toEqual([[], ['docker/registry/v2/a b+c/data']])
  })

  test('refuses another key and a request signed an hour ago', async () => {
    const place = await store().newBucket()

    const stranger = await new S3Client({ ...place, secretKey: 'wrong' }).send({ method: 'GET', key: 'x' })
    const late = await new S3Client(place).send({ method: 'GET', key: 'x', at: new Date(Date.now() - 3_600_000) })

    expect([stranger.status, late.status]).toEqual([403, 403])
    expect(elementsOf(await stranger.text(), 'Code')).toEqual(['SignatureDoesNotMatch'])
    expect(elementsOf(await late.text(), 'Code')).toEqual(['RequestTimeTooSkewed'])
  })

  test('copies a part of one object into an upload of another', async () => {
    const client = new S3Client(await store().newBucket())
    const { bucket } = client.place
    await client.put('from', 'the whole of it')
    const [uploadId] = elementsOf(await client.sendToSuccess({ method: 'POST', key: 'to', query: { uploads: '' } }), 'UploadId')

    const copied = await client.sendToSuccess({
      method: 'PUT',
      key: 'to',
      query: { partNumber: '1', uploadId: uploadId ?? '' },
      headers: { 'x-amz-copy-source': `/${bucket}/from`, 'x-amz-copy-source-range': 'bytes=4-8' },
    })
    const [etag] = elementsOf(copied, 'ETag')
    const part = `<Part><PartNumber>1</PartNumber><ETag>${etag}</ETag></Part>`
    const body = `<CompleteMultipartUpload>${part}</CompleteMultipartUpload>`
    await client.sendToSuccess({ method: 'POST', key: 'to', query: { uploadId: uploadId ?? '' }, body })

    expect(await client.sendToSuccess({ method: 'GET', key: 'to' })).toBe('whole')
  })
})
