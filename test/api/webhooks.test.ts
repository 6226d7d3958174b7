import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { Webhook } from 'standardwebhooks'
import type { z } from 'zod'
import { WEBHOOK_ANSWERS } from '../../src/http/api/webhooks/answers.ts'
import { expectError } from '../support/answers.ts'
import { ApiLab } from '../support/api-lab.ts'
import { AppInTest } from '../support/app-in-test.ts'
import { makeImage } from '../support/images.ts'
import { poll } from '../support/processes.ts'
import { expectStatus } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { WebhookReceiver } from '../support/webhook-receiver.ts'
import { SERVERS } from '../support/wire.ts'

setDefaultTimeout(120_000)

const WEBHOOKS = '/api/v1/webhooks'

describe.each(SERVERS)('webhooks at %s:', (_, server) => {
  let lab: ApiLab

  beforeAll(async () => {
    lab = await ApiLab.start(server, { events: { webhooks: { loopback: true } } })
  })
  afterAll(() => lab[Symbol.asyncDispose]())

  async function ask<Schema extends z.ZodType>(
    schema: Schema,
    method: string,
    path: string,
    { body, status = 200 }: { readonly body?: unknown; readonly status?: number } = {},
  ): Promise<z.output<Schema>> {
    return schema.parse(await (await expectStatus(await lab.ask('admin', method, path, body), status)).json())
  }
  const add = async (name: string, url: string, more: object = {}) =>
    await ask(WEBHOOK_ANSWERS.added, 'POST', WEBHOOKS, { body: { name, url, kinds: ['manifest.push'], ...more }, status: 201 })
  const listed = async () => (await ask(WEBHOOK_ANSWERS.webhooks, 'GET', WEBHOOKS)).webhooks
  const refused = async (method: string, path: string, body: unknown, status: number, code: string) =>
    await expectError(await lab.ask('admin', method, path, body), status, code)

  test('one is added, tested, told, changed and removed, and its secret is shown once', async () => {
    using first = new WebhookReceiver()
    using second = new WebhookReceiver()
    const { secret } = await add('ci', `${first.url}?token=hush`, { repositories: ['team/**'] })
    expect(await ask(WEBHOOK_ANSWERS.tested, 'POST', `${WEBHOOKS}/ci/test`)).toEqual({
      ...{ name: 'ci', taken: true, answer: '202 Accepted' },
    })
    await lab.push(makeImage('one'), 'v1', 'other/app')
    await lab.push(makeImage('one'), 'v1', 'team/app')

    const [, told] = await first.until('the test and the push have come', ({ taken }) => taken[1] && taken)
    const body = new Webhook(secret).verify(told?.text ?? '', { ...told?.headers })
    const answer = await lab.ask('admin', 'GET', WEBHOOKS)

    expect(body).toMatchObject({ type: 'berth.manifest.push', data: { repository: 'team/app' } })
    expect(await answer.text()).not.toMatch(/hush|whsec_/)
    expect(await listed()).toMatchObject([
      { name: 'ci', url: first.url, repositories: ['team/**'], kinds: ['manifest.push'], by: 'admin', failure: null },
    ])

    await ask(WEBHOOK_ANSWERS.webhook, 'PUT', `${WEBHOOKS}/ci`, { body: { url: second.url, kinds: null, tag: 'v*' } })
    await lab.push(makeImage('two'), 'v2', 'team/app')
    const changed = await second.until('the push comes to the new address', ({ taken }) =>
      taken.find(({ text }) => text.includes('"tag":"v2"')),
    )
    new Webhook(secret).verify(changed.text, { ...changed.headers })
    expect(first.taken.length).toBe(2)
    expect(await listed()).toMatchObject([{ url: second.url, repositories: ['team/**'], kinds: null, tag: 'v*', by: 'admin' }])
    await ask(WEBHOOK_ANSWERS.webhook, 'DELETE', `${WEBHOOKS}/ci`)
    expect(await listed()).toEqual([])
  })

  test('what a receiver does not take is shown, and replayed from a moment on', async () => {
    using receiver = new WebhookReceiver()
    receiver.answers = () => 503
    await add('slow', receiver.url)
    const from = new Date().toISOString()
    await lab.push(makeImage('three'), 'v3', 'team/app')
    const deliveries = async (query = '') =>
      (await ask(WEBHOOK_ANSWERS.deliveries, 'GET', `${WEBHOOKS}/slow/deliveries${query}`)).deliveries
    const [tried] = await poll('its answer stands there', 60_000, async () => {
      const found = await deliveries('?state=waiting&n=10')
      return found.length > 0 ? found : undefined
    })
    const replay = async (body: object) =>
      (await ask(WEBHOOK_ANSWERS.replayed, 'POST', `${WEBHOOKS}/slow/replay`, { body })).events

    receiver.answers = () => 202
    expect(await replay({ aside: true })).toBe(0)
    expect(await replay({ from })).toBeGreaterThanOrEqual(1)
    await receiver.until('it has taken it', ({ taken }) => taken[0])
    expect(tried).toMatchObject({ kind: 'manifest.push', about: 'team/app:v3', answer: '503 Service Unavailable' })
    expect(await deliveries('?state=aside')).toEqual([])
    await ask(WEBHOOK_ANSWERS.webhook, 'DELETE', `${WEBHOOKS}/slow`)
  })

  test('what cannot be a webhook is refused, with nothing of its address in the answer, and nothing is kept', async () => {
    using receiver = new WebhookReceiver()
    await add('there', receiver.url)
    const cases = [
      [{ name: 'x', url: 'http://169.254.169.254/latest/hush' }, 400, 'PARAMETER_INVALID'],
      [{ name: 'x', url: 'ftp://hush.example.com/' }, 400, 'PARAMETER_INVALID'],
      [{ name: 'X', url: receiver.url }, 400, 'PARAMETER_INVALID'],
      [{ name: 'x', url: receiver.url, kinds: ['none.such'] }, 400, 'PARAMETER_INVALID'],
      [{ name: 'x', url: receiver.url, kinds: ['manifest.pull'] }, 400, 'PARAMETER_INVALID'],
      [{ name: 'x', url: receiver.url, repositories: ['Team/'] }, 400, 'PARAMETER_INVALID'],
      [{ name: 'x', url: receiver.url, secret: 'whsec_hush' }, 400, 'PARAMETER_INVALID'],
      [{ name: 'x', url: receiver.url, more: 1 }, 400, 'PARAMETER_INVALID'],
      [{ name: 'there', url: receiver.url }, 409, 'DENIED'],
    ] as const
    for (const [body, status, code] of cases)
      expect((await refused('POST', WEBHOOKS, body, status, code)).message).not.toContain('hush')
    await refused('PUT', `${WEBHOOKS}/there`, { url: 'http://[fe80::1]/' }, 400, 'PARAMETER_INVALID')
    await refused('PUT', `${WEBHOOKS}/there`, { name: 'other' }, 400, 'PARAMETER_INVALID')
    await refused('POST', `${WEBHOOKS}/there/replay`, {}, 400, 'PARAMETER_INVALID')
    await refused('GET', `${WEBHOOKS}/UPPER/deliveries`, undefined, 400, 'PARAMETER_INVALID')

    expect((await listed()).map(({ name, url }) => [name, url])).toEqual([['there', receiver.url]])
    await ask(WEBHOOK_ANSWERS.webhook, 'DELETE', `${WEBHOOKS}/there`)
  })
})

test('where no admins are named, the API has no webhooks: any caller could make the registry send requests', async () => {
  using folder = new TemporaryFolder()
  await using berth = await AppInTest.start(folder, {})
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ name: 'ci', url: 'https://ci.example.com/' })

  for (const [method, init] of [
    ['GET', {}],
    ['POST', { headers, body }],
  ] as const)
    await expectError(await berth.request(method, WEBHOOKS, init), 405, 'UNSUPPORTED')
})
