import { describe, expect, test } from 'bun:test'
import { AcmeCache } from '../certificates/acme/acme-cache.ts'
import { createChallengeHandler } from './challenge-handler.ts'

const HOST = 'registry.example.com'

/** What port 80 answers, over a folder as orders of certificates use it. */
async function ask(path: string): Promise<Response> {
  const cache = new AcmeCache(import.meta.dir)
  const handler = createChallengeHandler(
    (token) => (token === 'asked' ? Promise.resolve('asked.thumbprint') : cache.findAnswer(token)),
    (host) => host === HOST,
  )
  return await handler(new Request(`http://${HOST}${path}`), { client: '192.0.2.7' })
}

describe('a question of an ACME server', () => {
  test('is answered, and only the one that was asked for', async () => {
    const known = await ask('/.well-known/acme-challenge/asked')
    const unknown = await ask('/.well-known/acme-challenge/not-asked')

    expect([known.status, await known.text()]).toEqual([200, 'asked.thumbprint'])
    expect(unknown.status).toBe(404)
  })

  test.each([
    ['a token too long for the name of a file', 'a'.repeat(260)],
    ['no token', ''],
    ['a path', 'a/b'],
    ['letters that no token has', 'a%00b'],
  ])('with %s is none that was asked', async (_, token) => {
    expect((await ask(`/.well-known/acme-challenge/${token}`)).status).toBe(404)
  })

  test('is all that is answered here: anything else is sent on to the registry', async () => {
    const answer = await ask('/v2/')

    expect([answer.status, answer.headers.get('location')]).toEqual([308, `https://${HOST}/v2/`])
  })
})
