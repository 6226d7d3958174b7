import { expect, test } from 'bun:test'
import { TemporaryFolder } from '../../test/support/temporary-folder.ts'
import { bucketStateDirectory, ensureStateId, isProxied } from './local-state.ts'

test('what a bucket needs on this machine goes to the first usual place that can be written', async () => {
  using folder = new TemporaryFolder()
  const file = await folder.file('file', 'not a folder')
  const usual = [`${file}/berth`, folder.join('volume'), folder.join('later')]

  expect(bucketStateDirectory(usual)).toBe(process.env.STATE_DIRECTORY ?? folder.join('volume'))
  expect(bucketStateDirectory([`${file}/berth`])).toBe(process.env.STATE_DIRECTORY ?? '/var/lib/berth')
})

test('a directory has one name for ever, whoever asks first', async () => {
  using folder = new TemporaryFolder()

  const ids = await Promise.all(Array.from({ length: 8 }, () => ensureStateId(folder.path)))

  expect(new Set([...ids, await ensureStateId(folder.path)]).size).toBe(1)
  expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/)
})

test.each(['https_proxy', 'HTTPS_PROXY'])('a proxy that %s names stands before servers of its scheme alone', (name) => {
  const before = new Map(['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY'].map((key) => [key, process.env[key]]))
  try {
    for (const key of before.keys()) delete process.env[key]
    expect(isProxied('https:')).toBe(false)
    process.env[name] = 'http://proxy:3128'

    expect([isProxied('https:'), isProxied('http:')]).toEqual([true, false])
  } finally {
    for (const [key, value] of before) {
      if (value === undefined) delete process.env[key]
      else process.env[key] = value
    }
  }
})
