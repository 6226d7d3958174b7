import { describe, expect, test } from 'bun:test'
import type { StoredEvent } from '../../metadata/events/events.ts'
import type { WebhookFormat } from './webhook.ts'
import { bodyFor } from './webhook-body.ts'

const DIGEST = `sha256:${'fe'.repeat(32)}`
const EVENT = {
  ...{ number: 7, id: '320678d8-ca14-430f-8bb6-4ca139cd83f7', atMs: Date.UTC(2026, 10, 29, 15, 4, 5, 6), action: 'push' },
  ...{ kind: 'manifest', repository: 'team/app', digest: DIGEST, tag: 'v1', mediaType: 'application/json', size: 7 },
  ...{ source: null, actor: 'al`ice<&*_@here>', address: null, requestId: null, before: null, subject: null, count: null },
  ...{ request: '{"root":"https://registry.example.com"}', process: 'p' },
} as StoredEvent

async function body(format: WebhookFormat, more: Partial<StoredEvent> = {}): Promise<Record<string, unknown>> {
  return JSON.parse((await bodyFor(format, { ...EVENT, ...more }, async () => ({ contentType: '', text: '{}' }))).text)
}

test('CloudEvents 1.0 in JSON', async () => {
  const { contentType, text } = await bodyFor('cloudevents', EVENT, async () => ({ contentType: '', text: '' }))

  expect(contentType).toBe('application/cloudevents+json; charset=utf-8')
  expect(JSON.parse(text)).toEqual({
    ...{ specversion: '1.0', id: EVENT.id, source: 'https://registry.example.com/v2/team/app', type: 'berth.manifest.push' },
    ...{ time: '2026-11-29T15:04:05.006Z', subject: 'team/app:v1', datacontenttype: 'application/json' },
    data: { repository: 'team/app', tag: 'v1', digest: DIGEST, mediaType: 'application/json', size: 7, by: EVENT.actor },
  })
  expect((await body('cloudevents', { tag: null })).subject).toBe(`team/app@${DIGEST}`)
})

test('the envelope of registry:2', async () => {
  const body = await bodyFor('registry', EVENT, async ({ id }) => ({ contentType: 'the type', text: id }))

  expect(body).toEqual({ contentType: 'the type', text: EVENT.id })
})

describe('A line in a chat', () => {
  const MARKDOWN = 'al\\`ice\\<&\\*\\_\\@here\\> pushed `team/app:v1` (sha256:fefefefefefe)'

  test('is in the form of each, and nothing that a user is called means anything there', async () => {
    expect(await body('slack')).toEqual({
      text: 'al`ice&lt;&amp;*_@here&gt; pushed `team/app:v1` (sha256:fefefefefefe)',
    })
    expect(await body('mattermost')).toEqual({ text: MARKDOWN })
    expect(await body('discord')).toEqual({ content: MARKDOWN, allowed_mentions: { parse: [] } })
    expect(JSON.stringify(await body('teams'))).toContain(JSON.stringify(MARKDOWN))
  })

  test.each([
    [{ tag: null }, 'ci pushed `team/app@sha256:fefefefefefe`'],
    [{ action: 'delete', kind: 'tag', digest: null }, 'ci deleted `team/app:v1`'],
    [{ action: 'undelete' }, 'ci brought back `team/app:v1` (sha256:fefefefefefe)'],
    [
      { action: 'move', kind: 'tag', before: `sha256:${'ab'.repeat(32)}` },
      'ci moved `team/app:v1` from sha256:abababababab to sha256:fefefefefefe',
    ],
    [{ action: 'mount', kind: 'blob', tag: null, source: 'base' }, 'ci mounted `team/app@sha256:fefefefefefe` from `base`'],
    [{ actor: null }, 'A client pushed `team/app:v1` (sha256:fefefefefefe)'],
    [{ action: 'collect', kind: 'blob', count: 3 }, 'The collector took 3 blobs from `team/app`'],
    [{ action: 'add', kind: 'user', repository: '', subject: 'bob' }, 'The user bob was added'],
    [{ action: 'fail', kind: 'mirror', repository: '', subject: 'https' }, 'The upstream https fails'],
    [{ action: 'test', kind: 'webhook', repository: '' }, 'This is a test: the registry reaches this channel.'],
  ] as const)('of %j says: %s', async (more, line) => {
    expect((await body('mattermost', { actor: 'ci', ...more } as Partial<StoredEvent>)).text).toBe(line)
  })
})
