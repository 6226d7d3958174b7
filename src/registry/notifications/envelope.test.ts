import { describe, expect, test } from 'bun:test'
import type { StoredEvent } from '../../metadata/events/events.ts'
import { findDigest } from '../../oci/digest.ts'
import { findRepositoryName, type RepositoryName } from '../../oci/name.ts'
import { findTag } from '../../oci/reference.ts'
import { envelopeOf, isIgnored, toldEvent } from './envelope.ts'

const DIGEST = findDigest(`sha256:${'a'.repeat(64)}`) ?? null
const PUSH: StoredEvent = {
  ...{
    number: 7,
    id: '320678d8-ca14-430f-8bb6-4ca139cd83f7',
    atMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
    action: 'push',
    kind: 'manifest',
  },
  repository: findRepositoryName('team/app') as RepositoryName,
  ...{
    digest: DIGEST,
    tag: findTag('v1') ?? null,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    size: 708,
    source: null,
    before: null,
    subject: null,
    count: null,
  },
  ...{ actor: 'alice', address: '192.0.2.1', requestId: '6df24a3409594923', process: 'a53db899-3b4b-4a62-a067-8dd013beaca4' },
  request: JSON.stringify({ method: 'PUT', host: 'r.test', userAgent: 'curl', root: 'https://r.test/images' }),
}
const PARTS = { sourceAddress: 'host:5000', references: [] }

describe('An envelope', () => {
  test('has one event in the form of registry:2, with three blanks before each level', () => {
    expect(envelopeOf([toldEvent(PUSH, PARTS)])).toBe(`{
   "events": [
      {
         "id": "320678d8-ca14-430f-8bb6-4ca139cd83f7",
         "timestamp": "2026-01-02T03:04:05.006Z",
         "action": "push",
         "target": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "size": 708,
            "digest": "${DIGEST}",
            "length": 708,
            "repository": "team/app",
            "url": "https://r.test/images/v2/team/app/manifests/${DIGEST}",
            "tag": "v1"
         },
         "request": {
            "id": "6df24a3409594923",
            "addr": "192.0.2.1",
            "host": "r.test",
            "method": "PUT",
            "useragent": "curl"
         },
         "actor": {
            "name": "alice"
         },
         "source": {
            "addr": "host:5000",
            "instanceID": "a53db899-3b4b-4a62-a067-8dd013beaca4"
         }
      }
   ]
}`)
  })

  test('of what no request asked for has the empty request of registry:2, and no address of the content', () => {
    const event = { ...PUSH, actor: 'retention', address: null, requestId: null, request: null }

    const [told] = JSON.parse(envelopeOf([toldEvent(event, PARTS)])).events

    expect(told.request).toEqual({ id: '', method: '', useragent: '' })
    expect(told.actor).toEqual({ name: 'retention' })
    expect(told.target.url).toBeUndefined()
  })

  test('calls what came back a push: programs that read it know no other word', () => {
    const event = { ...PUSH, action: 'undelete' } as const

    expect(toldEvent(event, PARTS).action).toBe('push')
    expect(isIgnored(event, { ignoredMediaTypes: [], ignoredActions: ['push'] })).toBe(true)
  })
})

test('an event is ignored for its media type or for its action', () => {
  const ignored = (ignoredMediaTypes: string[], ignoredActions: string[]) =>
    isIgnored(PUSH, { ignoredMediaTypes, ignoredActions })

  expect(ignored([], [])).toBe(false)
  expect(ignored(['application/octet-stream'], ['pull'])).toBe(false)
  expect(ignored(['application/vnd.oci.image.manifest.v1+json'], [])).toBe(true)
  expect(ignored([], ['push'])).toBe(true)
})
