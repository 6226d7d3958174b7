import { expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pushImage } from '../collect/rows/row.ts'
import { AccessRegistry } from '../support/access-registry.ts'
import { startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { EventReceiver } from '../support/event-receiver.ts'
import { makeImage } from '../support/images.ts'
import { commandsIn } from '../support/page-commands.ts'
import { BackgroundProgram, environmentIn, poll, run } from '../support/processes.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const PAGE = readFileSync(join(import.meta.dir, '../../docs/events.md'), 'utf8')
const CONFIG = /^```yaml\n(notifications:\n[\s\S]*?)^```$/m.exec(PAGE)?.[1] ?? ''
const [LISTEN = '', ...CURL] = [...PAGE.matchAll(/^curl (.*)$/gm)].map(([command]) => command)
const STATUS = commandsIn(PAGE).find((words) => words.startsWith('status')) ?? ''
const EXAMPLE = JSON.parse(/^```json\n([\s\S]*?)^```$/m.exec(PAGE)?.[1] ?? '') as { readonly events: readonly object[] }
const ACCESS = `  rules:
    - {who: ['user:alice'], repositories: ['**'], can: [pull, push]}
    - {who: ['robot:deploy'], repositories: ['team/*'], can: [pull]}
`
const DEBUG = '  debug: {addr: "127.0.0.1:0", prometheus: {enabled: true}}\n'

describeWith({ programs: ['curl', 'grep'] }, 'docs/events.md', () => {
  test('curl listens as the page shows it', async () => {
    await using registry = await AccessRegistry.start({ access: ACCESS })
    const token = await registry.addRobot('deploy')
    await registry.addUser('alice', 'alice-secret')
    const command = LISTEN.replace('https://registry.example.com', registry.url).replace('curl', 'exec curl')
    const environment = { ...environmentIn(registry.folder.join('curl')), TOKEN: token }
    await using curl = new BackgroundProgram(['sh', '-c', command], { environment })
    await curl.waitForOutput(/^event: ready$/m, 90_000)

    const alice = registry.basic('alice', 'alice-secret')
    await pushImage(alice, makeImage('image', { layers: 1 }), 'v2', 'team/app')
    await pushImage(alice, makeImage('next', { layers: 1 }), 'v2', 'team/app')
    await curl.waitForOutput(/^event: tag\.move$/m, 90_000)

    const shown = /```\n(retry: [\s\S]*?)```/.exec(PAGE)?.[1] ?? ''
    const fieldsOf = (text: string, event: string) => {
      const line = new RegExp(`^event: ${event}\ndata: (.*)$`, 'm').exec(text)?.[1] ?? '{}'
      return Object.keys(JSON.parse(line) as object)
    }
    for (const event of ['ready', 'manifest.push', 'tag.move']) {
      expect([event, ...fieldsOf(curl.output, event)]).toEqual([event, ...fieldsOf(shown, event)])
    }
    expect(curl.output).toStartWith('retry: 1000\n\n')
    expect(curl.output).not.toContain('blob.push')
  })

  test('its configuration sends what the page shows, and its commands tell how that is going', async () => {
    using folder = new TemporaryFolder()
    using hook = new EventReceiver('answers 500')
    using audit = new EventReceiver()
    const config = CONFIG.replace('https://hook.example.com/events', hook.url).replace(
      'http://audit.example.com:8080/',
      audit.url,
    )
    await using berth = await startBerth({ folder, moreConfig: DEBUG + config })
    await pushImage(new RegistryClient(berth.url), makeImage('image', { layers: 1 }), 'v1', 'team/app')
    const event = await audit.until('the push is told', ({ events }) => events.find(({ target }) => target.tag === 'v1'))

    const environment = { ...environmentIn(folder.path), BERTH: BERTH_PROGRAM, CONFIG: berth.config }
    const debug = await berth.debugUrl()
    const shell = async (words: string) => (await run(['sh', '-c', words], { environment })).stdout
    const status = async () => await shell(`"$BERTH" ${STATUS} "$CONFIG"`)
    const [metrics, health] = CURL.map((words) => words.replace('http://127.0.0.1:5001', debug))

    const shown = await poll('the hook is known to fail', 60_000, async () => {
      const text = await status()
      return text.includes('! events') ? text : undefined
    })
    expect(shown).toMatch(/^! events {4}hook takes none since \S+Z, \d+ wait for it: it answers 500 Internal Server Error$/m)
    expect(shown).toMatch(/^events {6}audit takes them, \d+ are on their way$/m)
    expect(await shell(health ?? '')).toMatch(/"notifications":"endpoints take no events, [^"]*: hook \(it answers 500/)
    const counted = await shell(metrics ?? '')
    for (const line of [
      'registry_notifications_events_total{type="Successes",endpoint="audit"} 3',
      'registry_notifications_status_total{code="202 Accepted",endpoint="audit"} 3',
      'registry_notifications_pending_total{endpoint="hook"} 3',
      'berth_notifications_failing{endpoint="hook"} 1',
      'berth_notifications_lost_events{endpoint="audit"} 0',
    ])
      expect(counted).toContain(`${line}\n`)

    const [example] = EXAMPLE.events as readonly Record<string, Record<string, unknown>>[]
    expect(Object.keys(event)).toEqual(Object.keys(example ?? {}))
    expect(Object.keys(event.request)).toEqual(Object.keys(example?.request ?? {}))
    expect(Object.keys(event.target).filter((name) => name !== 'references')).toEqual(Object.keys(example?.target ?? {}))
    // Headers of endpoints are secrets.
    expect([berth.program.output, counted, shown].join()).not.toContain('Bearer')

    // A command beside the server is told of as well.
    await shell('"$BERTH" delete team/app:v1 --yes --config "$CONFIG"')
    const removal = await audit.until('the delete is told', ({ events }) => events.find(({ action }) => action === 'delete'))
    expect(removal.target).toEqual({ repository: 'team/app', tag: 'v1' })
    expect(removal.request).toEqual({ id: '', method: '', useragent: '' })

    hook.reception = 'takes it'
    await hook.until('the hook has all', ({ events }) => (events.length === 4 ? true : undefined), 60_000)
    expect(hook.notifications.map(({ headers }) => headers.get('authorization'))).toEqual(
      Array.from({ length: 4 }, () => 'Bearer secret'),
    )
  })
})
