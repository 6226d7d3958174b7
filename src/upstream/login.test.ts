import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { FakeUpstream } from '../../test/support/fake-upstream.ts'
import { digestOf } from '../oci/digest.ts'
import { parseRepositoryName } from '../oci/name.ts'
import { type CredentialSource, credentialsOf, fixedCredentials } from './credentials.ts'
import { Upstream } from './upstream.ts'
import { UpstreamFailure } from './upstream-failure.ts'

const APP = parseRepositoryName('app')
const DIGEST = digestOf('sha256', new Uint8Array())
const BASIC = `Basic ${btoa('robot:secret')}`
const signal = new AbortController().signal

let registry: FakeUpstream
let tokens: FakeUpstream
beforeEach(async () => {
  registry = await FakeUpstream.start()
  tokens = await FakeUpstream.start((_, response) => {
    response.end(JSON.stringify({ token: `t${tokens.asked.length}`, expires_in: 300 }))
  })
})
afterEach(async () => {
  await registry[Symbol.asyncDispose]()
  await tokens[Symbol.asyncDispose]()
})

function upstream(): Upstream {
  return new Upstream({ url: new URL(registry.url), credentials: fixedCredentials('robot', 'secret') })
}

function withoutName(): Upstream {
  return new Upstream({ url: new URL(registry.url) })
}

/** Lets in what shows one of these, and challenges everything else. */
function lockedBy(isRight: (authorization: string) => boolean, challenge: string) {
  return ({ headers }: IncomingMessage, response: ServerResponse) => {
    const isLetIn = isRight(headers.authorization ?? '')
    response.writeHead(isLetIn ? 200 : 401, { 'www-authenticate': challenge, 'content-length': isLetIn ? 7 : 0 }).end()
  }
}

describe('Basic', () => {
  test('is shown when it is asked for, and from then on at once', async () => {
    registry.answer = lockedBy((shown) => shown === BASIC, 'Basic realm="r"')
    const asking = upstream()

    expect(await asking.findBlob(APP, DIGEST, signal)).toEqual({ size: 7 })
    expect(await asking.findBlob(APP, DIGEST, signal)).toEqual({ size: 7 })

    expect(registry.shown).toEqual([undefined, BASIC, BASIC])
  })

  test('is asked for once: a wrong password stays a 401', async () => {
    registry.answer = lockedBy(() => false, 'Basic realm="r"')

    await expect(upstream().findBlob(APP, DIGEST, signal)).rejects.toMatchObject({ code: 'UNAUTHORIZED', status: 401 })
    await expect(withoutName().findBlob(APP, DIGEST, signal)).rejects.toMatchObject({ code: 'UNAUTHORIZED', status: 401 })
  })

  test('is not shown to the host that a redirect leads to, whatever that asks for', async () => {
    await using store = await FakeUpstream.start(lockedBy(() => false, 'Basic realm="r"'))
    registry.answer = ({ headers }, response) => {
      if (headers.authorization === BASIC) response.writeHead(307, { location: `${store.url}/store` }).end()
      else response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end()
    }

    await expect(upstream().findBlob(APP, DIGEST, signal)).rejects.toBeInstanceOf(UpstreamFailure)

    expect(store.shown).toEqual([undefined])
  })
})

describe('a token', () => {
  const challenge = () => `Bearer realm="${tokens.url}/token?a=b",service="the registry"`

  test('is fetched from another host with the credentials, once for all requests that wait for it', async () => {
    registry.answer = lockedBy((shown) => shown === 'Bearer t1', challenge())
    const asking = upstream()

    const found = await Promise.all(Array.from({ length: 8 }, () => asking.findBlob(APP, DIGEST, signal)))
    await asking.findBlob(APP, DIGEST, signal)

    expect(found).toEqual(Array(8).fill({ size: 7 }))
    expect(tokens.asked).toEqual(['GET /token?a=b&service=the+registry&scope=repository%3Aapp%3Apull&account=robot'])
    expect(tokens.shown).toEqual([BASIC])
    expect(registry.shown).not.toContain(BASIC)
    expect(registry.shown.at(-1)).toBe('Bearer t1')
  })

  test('is fetched without a name where there are no credentials', async () => {
    registry.answer = lockedBy((shown) => shown === 'Bearer t1', challenge())

    expect(await withoutName().findBlob(APP, DIGEST, signal)).toEqual({ size: 7 })
    expect(tokens.shown).toEqual([undefined])
  })

  test('that the registry does not take any more is fetched anew', async () => {
    let right = 'Bearer t1'
    registry.answer = lockedBy((shown) => shown === right, challenge())
    const asking = upstream()
    await asking.findBlob(APP, DIGEST, signal)
    right = 'Bearer t2'

    expect(await asking.findBlob(APP, DIGEST, signal)).toEqual({ size: 7 })
    expect(tokens.asked.length).toBe(2)
  })

  test('is not asked for on another site: the password stays here', async () => {
    registry.answer = lockedBy(() => false, `Bearer realm="${tokens.otherUrl}/token"`)

    await expect(upstream().findBlob(APP, DIGEST, signal)).rejects.toThrow('is not on its site')
    expect(tokens.asked).toEqual([])
  })

  test.each([
    ['a refusal', 401, '', 'UNAUTHORIZED'],
    ['too many requests', 429, '', 'TOOMANYREQUESTS'],
    ['a failure', 500, '', 'UNAVAILABLE'],
    ['a redirect to itself', 302, '', 'UNAVAILABLE'],
    ['HTML', 200, '<html>', 'UNAVAILABLE'],
    ['no token', 200, '{"token": ["a"]}', 'UNAVAILABLE'],
    ['a token that is no header', 200, '{"token": "a\\r\\nb: c"}', 'UNAVAILABLE'],
  ] as const)('server that answers with %s is named in the error', async (_, status, body, code) => {
    tokens.answer = (_, response) => {
      response.writeHead(status, { location: '/token' }).end(body)
    }
    registry.answer = lockedBy(() => false, challenge())

    const error: unknown = await upstream()
      .findBlob(APP, DIGEST, signal)
      .catch((reason: unknown) => reason)

    expect(error).toMatchObject({ code })
    expect(String(error)).toContain(`The token server ${tokens.url} of the upstream ${registry.url}`)
  })

  test.each(['Bearer realm="nowhere"', 'Negotiate', ''])('cannot be had by the challenge %p', async (header) => {
    registry.answer = lockedBy(() => false, header)

    await expect(upstream().findBlob(APP, DIGEST, signal)).rejects.toBeInstanceOf(UpstreamFailure)
  })
})

describe('an identity token', () => {
  const form = async (request: IncomingMessage) =>
    Object.fromEntries(new URLSearchParams(Buffer.concat(await Array.fromAsync(request)).toString()))
  const asking = () => new Upstream({ url: new URL(registry.url), credentials: fixedCredentials('<token>', 'identity') })
  const challenge = () => `Bearer realm="${tokens.url}/token",service="s"`

  test('is shown to the token server alone, and what that gives in its place from then on', async () => {
    const forms: unknown[] = []
    tokens.answer = async (request, response) => {
      forms.push([request.method, await form(request)])
      response.end(JSON.stringify({ access_token: `t${forms.length}`, refresh_token: `next${forms.length}` }))
    }
    let right = 'Bearer t1'
    registry.answer = lockedBy((shown) => shown === right, challenge())
    const upstream = asking()
    await upstream.findBlob(APP, DIGEST, signal)
    right = 'Bearer t2'
    await upstream.findBlob(APP, DIGEST, signal)

    const grant = { grant_type: 'refresh_token', client_id: 'berth', scope: 'repository:app:pull', service: 's' }
    expect(forms).toEqual([
      ['POST', { ...grant, refresh_token: 'identity' }],
      ['POST', { ...grant, refresh_token: 'next1' }],
    ])
    expect(registry.shown).toEqual([undefined, 'Bearer t1', 'Bearer t1', 'Bearer t2'])
  })

  test('is not sent on with a redirect, and not to another site', async () => {
    await using other = await FakeUpstream.start()
    tokens.answer = (_, response) => {
      response.writeHead(307, { location: `${other.url}/token` }).end()
    }
    registry.answer = lockedBy(() => false, challenge())
    await expect(asking().findBlob(APP, DIGEST, signal)).rejects.toThrow('answered 307')

    registry.answer = lockedBy(() => false, `Bearer realm="${other.otherUrl}/token"`)
    await expect(asking().findBlob(APP, DIGEST, signal)).rejects.toThrow('is not on its site')
    expect(other.asked).toEqual([])
  })

  test('is of no use to a registry that asks for a password', async () => {
    registry.answer = lockedBy(() => false, 'Basic realm="r"')

    await expect(asking().findBlob(APP, DIGEST, signal)).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    expect(registry.shown).toEqual([undefined])
  })
})

describe('credentials that change', () => {
  /** The next ones come when the ones before were refused. */
  function changing(): CredentialSource {
    const left = ['old', 'new'].map((password) => credentialsOf('robot', password))
    return { find: async () => left[0], refused: () => void (left.length > 1 && left.shift()) }
  }
  const basic = (password: string) => `Basic ${btoa(`robot:${password}`)}`

  test('are asked for again when the registry refuses them', async () => {
    registry.answer = lockedBy((shown) => shown === basic('new'), 'Basic realm="r"')
    const asking = new Upstream({ url: new URL(registry.url), credentials: changing() })

    await expect(asking.findBlob(APP, DIGEST, signal)).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    expect(await asking.findBlob(APP, DIGEST, signal)).toEqual({ size: 7 })
  })

  test('are asked for again when the token server refuses them', async () => {
    tokens.answer = ({ headers }, response) => {
      response.writeHead(headers.authorization === basic('new') ? 200 : 401).end('{"token": "t"}')
    }
    registry.answer = lockedBy((shown) => shown === 'Bearer t', `Bearer realm="${tokens.url}/token"`)
    const asking = new Upstream({ url: new URL(registry.url), credentials: changing() })

    expect(await asking.findBlob(APP, DIGEST, signal)).toEqual({ size: 7 })
    expect(tokens.shown).toEqual([basic('old'), basic('new')])
  })
})
