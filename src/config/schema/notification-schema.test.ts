import { expect, test } from 'bun:test'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { loadConfig } from '../load-config.ts'

async function load(notifications: string) {
  using folder = new TemporaryFolder()
  const path = await folder.file('config.yml', `version: 0.1\nstorage: inmemory\nnotifications: ${notifications}\n`)
  return loadConfig({ path, environment: {} })
}

test.each([
  ['{endpoints: [{name: a}]}', 'notifications.endpoints.0.url is not a URL; write it as http://host:port/path'],
  ['{endpoints: [{name: a, url: hook.example.com}]}', 'notifications.endpoints.0.url: "hook.example.com" is not a URL'],
  [
    '{endpoints: [{name: a, url: "http://a"}, {name: a, url: "http://b"}]}',
    'notifications.endpoints.1.name: "a" is the name of another endpoint',
  ],
])('%s is refused: %s', async (notifications, message) => {
  await expect(load(notifications)).rejects.toThrow(message)
})

test('an endpoint that is switched off needs nothing, and nothing is said of it', async () => {
  const { config, notices } = await load('{endpoints: [{name: a, disabled: true}, {name: a, url: "http://b"}]}')

  expect(config.notifications?.endpoints.map(({ url }) => url)).toEqual(['http://b'])
  expect(notices).toEqual([])
})
