import { expect, test } from 'bun:test'
import { type FakeAnswer, FakeUpstream } from '../../../test/support/fake-upstream.ts'
import { hubRepositories } from './hub-repositories.ts'

const NEVER = new AbortController().signal

async function namesFrom(answer: FakeAnswer) {
  await using hub = await FakeUpstream.start(answer)
  const names = await Array.fromAsync(hubRepositories('team', NEVER, hub.url))
  return { names, asked: hub.asked }
}

test('the repositories of an organisation of Docker Hub are listed page by page', async () => {
  const pages = [['app', 'web'], ['tool']]
  const { names, asked } = await namesFrom(({ url = '' }, response) => {
    const page = Number(new URL(url, 'http://hub').searchParams.get('page'))
    const next = page < pages.length ? 'https://hub.docker.com/elsewhere' : null
    response.end(JSON.stringify({ count: 3, next, results: pages[page - 1]?.map((name) => ({ name, namespace: 'team' })) }))
  })

  expect(names).toEqual(['team/app', 'team/web', 'team/tool'])
  expect(asked).toEqual([1, 2].map((page) => `GET /v2/namespaces/team/repositories?page_size=100&page=${page}`))
})

test.each([
  ['HTML', '<html>'],
  ['another object', '{"results": [{"name": 1}]}'],
])('a list of Docker Hub that is %s is an error that names it', async (_, text) => {
  await expect(namesFrom((_, response) => void response.end(text))).rejects.toThrow('sends what is no list of repositories')
})

test('what Docker Hub refuses is an error with its status', async () => {
  await expect(namesFrom((_, response) => void response.writeHead(403).end())).rejects.toThrow('(403)')
})
