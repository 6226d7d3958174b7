import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { endpointAt } from '../../../test/support/notification-settings.ts'
import { postEnvelope } from './post.ts'

interface Asked {
  readonly at: string
  readonly method: string
  readonly body: string
  readonly secret: string | null
  readonly login: string | null
  readonly type: string | null
}

/** Two servers: one that is configured, and another one to which it may send. */
let asked: Asked[]
let first: Bun.Server<undefined>
let second: Bun.Server<undefined>
let redirect: { readonly status: number; readonly to: () => string }

beforeEach(() => {
  asked = []
  redirect = { status: 200, to: () => '' }
  const serve = (hostname: string) =>
    Bun.serve({
      ...{ port: 0, hostname, idleTimeout: 0 },
      fetch: async (request) => {
        const { headers, method } = request
        const { pathname } = new URL(request.url)
        const [secret, login, type] = ['x-secret', 'authorization', 'content-type'].map((name) => headers.get(name))
        const at = hostname === '127.0.0.1' ? pathname : `other${pathname}`
        asked.push({ at, method, body: await request.text(), secret: secret ?? null, login: login ?? null, type: type ?? null })
        if (pathname === '/silent') return await new Promise<Response>(() => undefined)
        if (pathname !== '/') return new Response('done', { status: 202 })
        return new Response('', { status: redirect.status, headers: { location: redirect.to() } })
      },
    })
  first = serve('127.0.0.1')
  second = serve('127.0.0.2')
})
afterEach(async () => {
  await Promise.all([first.stop(true), second.stop(true)])
})

const signal = new AbortController().signal
const here = (path = '/') => `http://127.0.0.1:${first.port}${path}`
const post = async (url: string, more: object = {}) =>
  await postEnvelope(endpointAt(url, { headers: { 'X-Secret': ['s'] }, ...more }), '{"events":[]}', signal)

describe('A notification', () => {
  test('is posted with its media type and the configured headers', async () => {
    expect(await post(here('/a'))).toBe(202)

    expect(asked).toEqual([
      {
        ...{ at: '/a', method: 'POST', body: '{"events":[]}', secret: 's', login: null },
        type: 'application/vnd.docker.distribution.events.v1+json',
      },
    ])
  })

  test('may have another media type, where a header of the configuration says so', async () => {
    await post(here('/a'), { headers: { 'content-type': ['application/json'] } })

    expect(asked.map(({ type }) => type)).toEqual(['application/json'])
  })

  test('logs in with the name and the password of the address', async () => {
    await post(here('/a').replace('//', '//user:pass%20word@'))

    expect(asked.map(({ login }) => login)).toEqual([`Basic ${btoa('user:pass word')}`])
  })

  test.each([301, 302, 307, 308])('goes with all of it where a %i sends it', async (status) => {
    redirect = { status, to: () => '/b' }

    expect(await post(here())).toBe(202)

    expect(asked.map(({ at, method, body, secret }) => [at, method, body, secret])).toEqual([
      ['/', 'POST', '{"events":[]}', 's'],
      ['/b', 'POST', '{"events":[]}', 's'],
    ])
  })

  test('goes to another host without the configured headers, which may be secrets', async () => {
    redirect = { status: 307, to: () => `http://127.0.0.2:${second.port}/b` }

    expect(await post(here())).toBe(202)

    expect(asked.map(({ at, secret }) => [at, secret])).toEqual([
      ['/', 's'],
      ['other/b', null],
    ])
  })

  test.each([200, 303, 304, 404, 500])('has the status %i as its answer', async (status) => {
    redirect = { status, to: () => '/b' }

    expect(await post(here())).toBe(status)

    expect(asked).toHaveLength(1)
  })

  test('is not sent round in a circle for ever', async () => {
    redirect = { status: 307, to: () => '/' }

    await expect(post(here())).rejects.toThrow('from one address to the next')
  })

  test('that is not answered in time fails, and one that is cut has the reason of the cut', async () => {
    await expect(post(here('/silent'), { timeoutMs: 50 })).rejects.toThrow('no answer within 50 ms')

    const ending = new AbortController()
    const cut = postEnvelope(endpointAt(here('/silent'), { timeoutMs: 60_000 }), '{}', ending.signal)
    ending.abort(new Error('the end'))
    await expect(cut).rejects.toThrow('the end')
  })
})
