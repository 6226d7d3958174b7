import { expect, setDefaultTimeout, test } from 'bun:test'
import { AccessRegistry } from '../support/access-registry.ts'
import { freePort } from '../support/free-port.ts'
import { WebhookReceiver } from '../support/webhook-receiver.ts'

setDefaultTimeout(120_000)

const ACCESS = `  rules:
    - {who: ['user:alice'], repositories: ['**'], can: [pull, push]}
`

test('accounts that commands change, and an upstream that fails, are events, each once', async () => {
  using receiver = new WebhookReceiver()
  const more = `events: {webhooks: {loopback: true}}
mirrors: [{prefix: far, url: "http://127.0.0.1:${await freePort()}/"}]
`
  await using registry = await AccessRegistry.start({ access: ACCESS, more })
  await registry.berth(['webhook', 'add', 'audit', receiver.url])
  const told = () =>
    receiver.taken.map(({ text }) => {
      const { type, data } = JSON.parse(text) as { readonly type: string; readonly data: { readonly name?: string } }
      return `${type} ${data.name}`
    })
  const until = async (count: number) => {
    await receiver.until(`${count} events have come`, ({ taken }) => (taken.length >= count ? true : undefined))
    return told()
  }

  await registry.addUser('alice', 'alice-secret')
  expect(await until(1)).toEqual(['berth.user.add alice'])
  await registry.berth(['group', 'add', 'team', 'alice'])
  expect(await until(2)).toContain('berth.group.add team')
  await registry.berth(['user', 'passwd', 'alice', '--password-stdin'], 'another-secret')
  expect(await until(3)).toContain('berth.user.change alice')
  await registry.addRobot('ci')
  expect(await until(4)).toContain('berth.token.add ci')
  await registry.berth(['token', 'revoke', 'ci'])
  expect(await until(5)).toContain('berth.token.remove ci')

  const client = registry.basic('alice', 'another-secret')
  for (let count = 0; count < 5; count += 1) await client.getManifest('far/app', 'v1')
  expect((await until(6)).at(-1)).toStartWith('berth.mirror.fail http://127.0.0.1:')

  await registry.berth(['user', 'remove', 'alice'])
  expect((await until(8)).slice(6).toSorted()).toEqual(['berth.group.change team', 'berth.user.remove alice'])
})
