import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { makeCertificates } from '../../../test/support/certificates.ts'
import { HttpProxy } from '../../../test/support/http-proxy.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { ForbiddenAddressError } from './allowed-address.ts'
import { postToAllowed } from './webhook-post.ts'

setDefaultTimeout(180_000)

const signal = new AbortController().signal
let server: Bun.Server<undefined>
let asked: { readonly method: string; readonly path: string; readonly headers: Headers }[] = []
let answer: (request: Request) => Response | Promise<Response>
beforeEach(() => {
  asked = []
  answer = () => new Response(null, { status: 202 })
  server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: async (request) => {
      // What it has is gone with its answer.
      asked.push({ method: request.method, path: new URL(request.url).pathname, headers: new Headers(request.headers) })
      return await answer(request)
    },
  })
})
afterEach(async () => await server.stop(true))

/** A name server whose answers change with each question. */
function names(...answers: string[][]) {
  const questions: string[] = []
  const resolve = async (host: string) => {
    questions.push(host)
    return answers[questions.length - 1] ?? ['169.254.169.254']
  }
  return { questions, resolve }
}

const posted = (url: string) => ({ url, headers: { 'webhook-id': 'one', 'Content-Type': 'application/json' }, body: '{"a":1}' })

describe('A webhook is posted', () => {
  test('to the address that was looked at, with the name that it was asked for', async () => {
    const { questions, resolve } = names(['127.0.0.1'])

    const url = `http://alice:a%20secret@hook.example.com:${server.port}/events?a=b`
    expect(await postToAllowed(posted(url), { allowsLoopback: true, resolve, signal })).toEqual({
      status: 202,
      waitSeconds: undefined,
    })

    expect(questions).toEqual(['hook.example.com'])
    const [request] = asked
    expect(request?.method).toBe('POST')
    expect(request?.headers.get('host')).toBe(`hook.example.com:${server.port}`)
    expect(request?.headers.get('webhook-id')).toBe('one')
    expect(request?.headers.get('authorization')).toBe(`Basic ${Buffer.from('alice:a secret').toString('base64')}`)
    expect(request?.path).toBe('/events')
  })

  test('never to another address than the one that was looked at, whatever the name server says next', async () => {
    // Were it asked again for the connection, it would send to the metadata service.
    const { questions, resolve } = names(['127.0.0.1'], ['169.254.169.254'])

    await postToAllowed(posted(`http://hook.example.com:${server.port}/`), { allowsLoopback: true, resolve, signal })
    await expect(
      postToAllowed(posted(`http://hook.example.com:${server.port}/`), { allowsLoopback: true, resolve, signal }),
    ).rejects.toBeInstanceOf(ForbiddenAddressError)

    expect(questions).toHaveLength(2)
    expect(asked).toHaveLength(1)
  })

  test('through a proxy by its name, which the proxy looks up, and never to an address that is known to be forbidden', async () => {
    await using proxy = await HttpProxy.start()
    proxy.hosts.set('hook.example.com', Number(server.port))
    const resolve = async (host: string) => {
      if (host === 'inner.example.com') return ['169.254.169.254']
      throw new Error('no name server')
    }
    const means = { allowsLoopback: false, resolve, proxy: proxy.url, signal }

    const { status } = await postToAllowed(posted('http://hook.example.com/events'), means)

    expect(status).toBe(202)
    expect(proxy.asked.map(({ line }) => line)).toEqual(['POST http://hook.example.com/events'])
    expect(asked[0]?.headers.get('host')).toBe('hook.example.com')
    for (const host of ['inner.example.com', '169.254.169.254', '127.0.0.1'])
      await expect(postToAllowed(posted(`http://${host}/`), means)).rejects.toBeInstanceOf(ForbiddenAddressError)
    expect(proxy.asked.length).toBe(1)
  })

  test('after a redirect only to an address that is allowed as well', async () => {
    const { resolve } = names(['127.0.0.1'])
    answer = () => new Response(null, { status: 307, headers: { location: 'http://169.254.169.254/latest/meta-data/' } })

    await expect(
      postToAllowed(posted(`http://hook.example.com:${server.port}/`), { allowsLoopback: true, resolve, signal }),
    ).rejects.toBeInstanceOf(ForbiddenAddressError)

    const other = names(['127.0.0.1'], ['169.254.169.254'])
    answer = () => new Response(null, { status: 308, headers: { location: 'http://other.example.com/' } })
    await expect(
      postToAllowed(posted(`http://hook.example.com:${server.port}/`), { allowsLoopback: true, resolve: other.resolve, signal }),
    ).rejects.toBeInstanceOf(ForbiddenAddressError)
  })

  test('with all of it where a redirect says so, and not any further where it would be a GET', async () => {
    const { resolve } = names(['127.0.0.1'], ['127.0.0.1'])
    answer = async (request) => {
      if (new URL(request.url).pathname === '/') return new Response(null, { status: 307, headers: { location: '/next' } })
      return new Response(null, { status: (await request.text()) === '{"a":1}' ? 204 : 400 })
    }
    expect(
      (await postToAllowed(posted(`http://hook.example.com:${server.port}/`), { allowsLoopback: true, resolve, signal })).status,
    ).toBe(204)

    answer = () => new Response(null, { status: 302, headers: { location: '/next' } })
    const found = await postToAllowed(posted(`http://127.0.0.1:${server.port}/`), { allowsLoopback: true, resolve, signal })
    expect(found.status).toBe(302)
  })

  test('by HTTPS to a server whose certificate is for the name, and to no other', async () => {
    using folder = new TemporaryFolder()
    const paths = await makeCertificates(folder)
    const tls = { cert: await readFile(paths.certificate, 'utf8'), key: await readFile(paths.key, 'utf8') }
    await using secure = Bun.serve({ port: 0, hostname: '127.0.0.1', tls, fetch: () => new Response(null, { status: 204 }) })
    const means = {
      allowsLoopback: true,
      resolve: async () => ['127.0.0.1'],
      signal,
      authorities: await readFile(paths.authority, 'utf8'),
    }

    expect((await postToAllowed(posted(`https://localhost:${secure.port}/`), means)).status).toBe(204)
    await expect(postToAllowed(posted(`https://hook.example.com:${secure.port}/`), means)).rejects.toThrow()
  })

  test('for no longer than it may take, and tells how long the receiver wants to be left alone', async () => {
    const { resolve } = names()
    const url = `http://127.0.0.1:${server.port}/`
    answer = () => new Response(null, { status: 429, headers: { 'retry-after': '120' } })
    expect(await postToAllowed(posted(url), { allowsLoopback: true, resolve, signal })).toEqual({ status: 429, waitSeconds: 120 })

    answer = () => new Promise<Response>(() => undefined)
    await expect(postToAllowed(posted(url), { allowsLoopback: true, resolve, signal, answerWithinMs: 50 })).rejects.toThrow(
      'no answer within 0.05 s',
    )
  })
})
