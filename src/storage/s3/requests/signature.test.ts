import { describe, expect, test } from 'bun:test'
import { bucketEndpoint, publicEndpoint } from './endpoint.ts'
import { encodePath, presign, sha256Of, signHeaders } from './signature.ts'

/** The examples of Amazon's documentation ("Authenticating Requests: AWS Signature Version 4", S3). */
const signer = {
  credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
  region: 'us-east-1',
  at: new Date('2013-05-24T00:00:00Z'),
}
const NO_BODY = sha256Of('')

describe('a signature', () => {
  test.each([
    ['?lifecycle', 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'],
    ['?max-keys=2&prefix=J', '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'],
  ])('of GET /%s is the one of the documentation', (query, signature) => {
    const headers = new Headers()

    signHeaders(
      { method: 'GET', url: new URL(`https://examplebucket.s3.amazonaws.com/${query}`), headers, payloadHash: NO_BODY },
      signer,
    )

    expect(headers.get('authorization')).toEndWith(`Signature=${signature}`)
    expect(headers.get('x-amz-date')).toBe('20130524T000000Z')
  })

  test('in a URL is the one of the documentation', () => {
    const url = presign('GET', new URL('https://examplebucket.s3.amazonaws.com/test.txt'), 86_400, signer)

    expect(url.searchParams.get('X-Amz-Signature')).toBe('aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404')
    expect(url.searchParams.get('X-Amz-Credential')).toBe('AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request')
  })

  test('covers a session token, and no header that a proxy may change', () => {
    const headers = new Headers({ 'user-agent': 'us', 'accept-encoding': 'identity', range: 'bytes=0-1' })
    const credentials = { ...signer.credentials, sessionToken: 'token' }

    signHeaders({ method: 'GET', url: new URL('https://a/b'), headers, payloadHash: NO_BODY }, { ...signer, credentials })

    const names = /SignedHeaders=([^,]+)/.exec(headers.get('authorization') ?? '')?.[1]
    expect(names).toBe('host;x-amz-content-sha256;x-amz-date;x-amz-security-token')
  })

  test('encodes all but letters, digits and -._~ in a key', () => {
    expect(encodePath("a b+c/(d)'*/é~-._")).toBe('a%20b%2Bc/%28d%29%27%2A/%C3%A9~-._')
  })
})

describe('the address of a bucket', () => {
  const where = {
    ...{ region: 'eu-west-1', bucket: 'images', endpoint: undefined, publicEndpoint: undefined, pathStyle: false },
    ...{ secure: true, accelerate: false, dualStack: false, fips: false },
  }

  test.each([
    [{}, 'https://images.s3.eu-west-1.amazonaws.com/a/b'],
    [{ secure: false }, 'http://images.s3.eu-west-1.amazonaws.com/a/b'],
    [{ pathStyle: true }, 'https://s3.eu-west-1.amazonaws.com/images/a/b'],
    [{ bucket: 'with.dots' }, 'https://s3.eu-west-1.amazonaws.com/with.dots/a/b'],
    [{ dualStack: true }, 'https://images.s3.dualstack.eu-west-1.amazonaws.com/a/b'],
    [{ fips: true }, 'https://images.s3-fips.eu-west-1.amazonaws.com/a/b'],
    [{ accelerate: true }, 'https://images.s3-accelerate.amazonaws.com/a/b'],
    [{ accelerate: true, dualStack: true }, 'https://images.s3-accelerate.dualstack.amazonaws.com/a/b'],
    [{ region: 'cn-north-1' }, 'https://images.s3.cn-north-1.amazonaws.com.cn/a/b'],
    [{ endpoint: 'http://minio:9000', pathStyle: true }, 'http://minio:9000/images/a/b'],
    [{ endpoint: 'https://s3.example.com', pathStyle: false }, 'https://images.s3.example.com/a/b'],
  ])('with %j is %s', (changes, url) => {
    expect(bucketEndpoint({ ...where, ...changes })('a/b').href).toBe(url)
  })

  test('as clients see it is another one where the configuration says so', () => {
    const settings = { ...where, endpoint: 'http://minio:9000', publicEndpoint: 'https://s3.example.com', pathStyle: true }

    expect(publicEndpoint(settings)('a').href).toBe('https://s3.example.com/images/a')
    expect(publicEndpoint({ ...settings, publicEndpoint: undefined })('a').href).toBe('http://minio:9000/images/a')
  })

  test('has a query in the order in which it is signed', () => {
    expect(bucketEndpoint(where)('', { uploads: '', 'list-type': '2', prefix: 'a b/' }).search).toBe(
      '?list-type=2&prefix=a%20b%2F&uploads=',
    )
  })
})
