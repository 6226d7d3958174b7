import { expect, test } from 'bun:test'
import { httpCheck } from './http-check.ts'

const USUAL = { headers: {}, statusCode: 200, timeoutMs: 1000, intervalMs: 1000, threshold: 1 }

test.each([
  ['http://127.0.0.1:1/ready', 'http://127.0.0.1:1/ready'],
  ['http://user:p%40ss@127.0.0.1:1/ready', 'http://****@127.0.0.1:1/ready'],
  ['http://token@127.0.0.1:1/ready?key=s3cret&deep=1', 'http://****@127.0.0.1:1/ready?key=****&deep=****'],
  ['http://127.0.0.1:1/ready?s3cret', 'http://127.0.0.1:1/ready?s3cret'],
])('the check of %s is named %s, in its failures too', async (uri, name) => {
  const check = httpCheck({ ...USUAL, uri })

  expect(check.name).toBe(name)
  await expect(check.run(AbortSignal.timeout(5_000))).rejects.toThrow(`error while checking: ${name}`)
})

test('the password in the address is sent all the same', async () => {
  const asked: (string | null)[] = []
  await using server = Bun.serve({
    port: 0,
    fetch: (request) => {
      asked.push(request.headers.get('authorization'))
      return new Response()
    },
  })
  const { run } = httpCheck({ ...USUAL, uri: `http://user:secret@127.0.0.1:${server.port}/` })

  await run(AbortSignal.timeout(5_000))

  expect(asked).toEqual([`Basic ${btoa('user:secret')}`])
})
