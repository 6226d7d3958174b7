import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { type FakeAnswer, FakeUpstream, notFound } from '../../test/support/fake-upstream.ts'
import { digestOf } from '../oci/digest.ts'
import { parseRepositoryName } from '../oci/name.ts'
import { parseTag } from '../oci/reference.ts'
import { Upstream } from './upstream.ts'
import { UpstreamFailure } from './upstream-failure.ts'
import { Upstreams } from './upstreams.ts'

const BYTES = Buffer.from('content')
const DIGEST = digestOf('sha256', BYTES)
const HERE = parseRepositoryName('mirror/app')
const THERE = parseRepositoryName('app')
const BLOB = `/v2/app/blobs/${DIGEST}`
const signal = new AbortController().signal

const has: FakeAnswer = ({ method }, response) => {
  response.writeHead(200, { 'content-length': BYTES.length, 'docker-content-digest': DIGEST })
  response.end(method === 'HEAD' ? undefined : BYTES)
}
const answers = (status: number): FakeAnswer => {
  return (_, response) => void response.writeHead(status, { 'retry-after': '7' }).end()
}

describe('several upstreams', () => {
  let near: FakeUpstream
  let far: FakeUpstream
  let both: Upstreams

  beforeEach(async () => {
    near = await FakeUpstream.start(has)
    far = await FakeUpstream.start(has)
    const upstreams = [near, far].map(({ url }) => new Upstream({ url: new URL(url) }))
    both = new Upstreams({ upstreams, nameThere: () => THERE })
  })
  afterEach(async () => {
    await near[Symbol.asyncDispose]()
    await far[Symbol.asyncDispose]()
  })

  const find = () => both.findBlob(HERE, DIGEST, signal)
  const failure = async () => {
    const error = await find().catch((thrown: unknown) => thrown)
    if (!(error instanceof UpstreamFailure)) throw new Error('nothing failed')
    return error
  }

  test('are asked by the name there, the first alone where it has what is wanted', async () => {
    expect(await find()).toEqual({ size: BYTES.length })
    expect(await both.findTag(HERE, parseTag('v1'), DIGEST, signal)).toEqual({ digest: DIGEST })
    expect(await both.findManifest(HERE, DIGEST, signal)).toMatchObject({ digest: DIGEST, from: { origin: near.url } })

    expect(near.asked).toEqual([`HEAD ${BLOB}`, 'HEAD /v2/app/manifests/v1', `GET /v2/app/manifests/${DIGEST}`])
    expect(far.asked).toEqual([])
  })

  test.each([401, 403, 404, 429, 500, 503])('lead on to the next one when the first answers %d', async (status) => {
    near.answer = answers(status)

    expect(await find()).toEqual({ size: BYTES.length })
    const blob = await both.openBlob(HERE, DIGEST, 0, signal)
    blob?.discard()
    expect(blob?.from.origin).toBe(far.url)
  })

  test('do not have what each of them does not have', async () => {
    near.answer = far.answer = notFound

    expect(await find()).toBeUndefined()
  })

  test.each([
    ['the first', 503, 404],
    ['the last', 404, 503],
  ])('may have what %s could not look for: that is a failure, and no absence', async (_, ofNear, ofFar) => {
    near.answer = answers(ofNear)
    far.answer = answers(ofFar)

    expect(await failure()).toMatchObject({ status: 503, code: 'UNAVAILABLE' })
  })

  test('fail as the first one of them that fails', async () => {
    near.answer = answers(429)
    far.answer = answers(401)

    const { code, message, retryAfterSeconds } = await failure()
    expect([code, retryAfterSeconds]).toEqual(['TOOMANYREQUESTS', 7])
    expect(message).toContain(near.url)
  })

  test('are named together where all of them are meant', () => {
    expect([both.origin, both.asked]).toEqual([`${near.url} ${far.url}`, `The upstream ${near.url} or ${far.url}`])
  })
})
