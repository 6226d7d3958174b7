import { expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { pushImage } from '../collect/rows/row.ts'
import { startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { makeImage } from '../support/images.ts'
import { commandsIn } from '../support/page-commands.ts'
import { environmentIn, type Outcome, run } from '../support/processes.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { WebhookReceiver } from '../support/webhook-receiver.ts'

setDefaultTimeout(120_000)

const PAGE = readFileSync(join(import.meta.dir, '../../docs/events.md'), 'utf8')
const COMMANDS = commandsIn(PAGE).filter((words) => words.startsWith('webhook '))
const LOOPBACK = 'events: {webhooks: {loopback: true}}\n'

test('the commands of docs/events.md add a webhook to a server that runs, look at it, send again, and remove it', async () => {
  using folder = new TemporaryFolder()
  using receiver = new WebhookReceiver()
  await using berth = await startBerth({ folder, moreConfig: LOOPBACK })
  const shell = shellOf(folder, berth.config)
  const [add = '', testing = '', list = '', aside = '', again = '', since = '', remove = ''] = COMMANDS
  const client = new RegistryClient(berth.url)
  await pushImage(client, makeImage('first', { layers: 1 }), 'v1', 'team/app')

  const added = await shell(add.replace('https://ci.example.com/berth', receiver.url))
  expect(added.exitCode).toBe(0)
  const secret = added.stdout.trim()
  expect(secret).toMatch(/^whsec_\S+$/)
  // The record holds a secret.
  expect(statSync(folder.join('data/berth/v1/webhooks/ci')).mode & 0o777).toBe(0o600)
  expect(await shell(testing)).toMatchObject({ exitCode: 0, stdout: 'ci takes it: 202 Accepted\n' })
  await pushImage(client, makeImage('second', { layers: 1 }), 'v1', 'team/app')
  await pushImage(client, makeImage('second', { layers: 1 }), 'v1', 'other')
  await receiver.until('the test, the push and the move have come', ({ taken }) => (taken.length === 3 ? true : undefined))
  const events = receiver.taken.map(({ text, headers }) => new Webhook(secret).verify(text, headers) as Record<string, unknown>)
  expect(events.map(({ type, subject }) => [type, subject])).toEqual([
    ['berth.webhook.test', 'test'],
    ['berth.manifest.push', 'team/app:v1'],
    ['berth.tag.move', 'team/app:v1'],
  ])

  const listed = await shell(list)
  expect(listed.stdout).toContain(`cloudevents  ${receiver.url}  takes events; 0 wait for another try, 0 set aside`)
  expect(listed.stdout).not.toContain(secret)
  expect(await shell(aside)).toMatchObject({
    exitCode: 0,
    stdout: 'Nothing was sent to ci so far, or nothing that is to be shown.\n',
  })
  expect(await shell(again)).toMatchObject({ exitCode: 0, stdout: '0 events are looked at again for ci.\n' })
  expect((await shell(since)).stdout).toMatch(/^\d+ events are looked at again for ci\.$/m)
  // The push and the move before the webhook was made are among them.
  await receiver.until('they have come again', ({ taken }) => (taken.length === 6 ? true : undefined))
  expect(receiver.ids.slice(4)).toEqual(receiver.ids.slice(1, 3))
  expect((await shell('webhook deliveries ci --json')).stdout).toContain('"state": "done"')

  expect(await shell(remove)).toMatchObject({ exitCode: 0, stdout: 'The webhook ci is removed.\n' })
  await pushImage(client, makeImage('third', { layers: 1 }), 'v1', 'team/app')
  expect(await shell(remove)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('There is no webhook "ci"') })
  expect(receiver.taken).toHaveLength(6)
  expect(COMMANDS).toHaveLength(7)
  expect(berth.program.output).not.toContain(secret)
})

test('what cannot be a webhook is refused with a sentence, and addresses of this machine unless they are allowed', async () => {
  using folder = new TemporaryFolder()
  await using berth = await startBerth({ folder })
  const shell = shellOf(folder, berth.config)
  const failures = [
    ['webhook add Ci http://192.0.2.1/', 'name: "Ci" is no name of a webhook'],
    ['webhook add ci ftp://192.0.2.1/', 'url: is not a URL'],
    ['webhook add ci http://192.0.2.1/ --repository A', 'is not a pattern for repository names'],
    ['webhook add ci http://192.0.2.1/ --kind blob.pull', 'Pulls are no events here; set events.pulls: true.'],
    ['webhook add ci http://127.0.0.1:5000/', 'events.webhooks.loopback: true allows it'],
    ['webhook add ci http://169.254.169.254/latest/', 'webhooks never go to'],
    ['webhook test ci', 'There is no webhook "ci"'],
    ['webhook replay ci', 'say from when'],
    ['webhook replay ci --from yesterday', 'say from when'],
  ] as const

  const outcomes = await Promise.all(failures.map(([words]) => shell(words)))

  for (const [index, [, said]] of failures.entries())
    expect(outcomes[index]).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(said) })
  expect((await shell('webhook list')).stdout).toBe('There are no webhooks; berth webhook add NAME URL adds one.\n')
})

function shellOf(folder: TemporaryFolder, config: string): (words: string) => Promise<Outcome> {
  const environment = { ...environmentIn(folder.path), BERTH: BERTH_PROGRAM, CONFIG: config }
  return async (words) => await run(['sh', '-c', `"$BERTH" ${words} --config "$CONFIG"`], { environment })
}
