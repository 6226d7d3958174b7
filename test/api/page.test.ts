import { expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pushImage } from '../collect/rows/row.ts'
import { AccessRegistry } from '../support/access-registry.ts'
import { startBerth } from '../support/berth-process.ts'
import { makeImage } from '../support/images.ts'
import { environmentIn, runToSuccess } from '../support/processes.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const PAGE = readFileSync(join(import.meta.dir, '../../docs/api.md'), 'utf8')
const ACCOUNTS = PAGE.indexOf('## Users, groups, rules and robots')
const SCRIPT = commandsIn(PAGE.slice(0, ACCOUNTS))
const ACCOUNT_SCRIPT = commandsIn(PAGE.slice(ACCOUNTS))

function commandsIn(text: string): string {
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block).join('')
}

describeWith({ programs: ['curl', 'jq', 'sed', 'tr'] }, 'docs/api.md', () => {
  test('its commands work, one after another', async () => {
    using folder = new TemporaryFolder()
    await using berth = await startBerth({
      folder,
      variables: { REGISTRY_STORAGE_MAINTENANCE_LAYERS_ENABLED: 'true' },
      moreConfig: "quotas: [{ name: team, repositories: ['team/**'], limit: 1GB }]\n",
    })
    const client = new RegistryClient(berth.url)
    await pushImage(client, makeImage('before'), 'v2', 'team/app')
    for (const tag of ['v1', 'v2', 'pr-1', 'pr-2', 'pr-3']) await pushImage(client, makeImage(tag), tag, 'team/app')

    const printed = await runToSuccess(['sh', '-ec', SCRIPT], {
      environment: { ...environmentIn(folder.path), REGISTRY: berth.url },
    })

    const answers = printed.split(/(?<=\})(?=[{a-z])|\n/).flatMap((text) => (text.startsWith('{') ? [JSON.parse(text)] : []))
    expect(printed).toStartWith(
      '/api/v1/account\n/api/v1/activity\n/api/v1/collection\n/api/v1/deletion\n/api/v1/deployments\n/api/v1/deployments/{host}\n/api/v1/events\n',
    )
    expect(answers).toMatchObject([
      { repositories: [{ name: 'team/app' }], more: false },
      { repositories: [{ name: 'team/app' }], total: 1 },
      { name: 'team/app', tags: 5, images: 5, stars: 0, pulls: { total: 0 } },
      { tags: [{ name: 'pr-1' }, { name: 'pr-2' }], more: true },
      { tags: [{ name: 'v2' }, { name: 'v1' }], more: true, next: 'v1' },
      { facts: { platforms: ['linux/amd64'] } },
      { bytes: expect.any(Number) },
      { bytes: expect.any(Number) },
      { config: expect.any(Array) },
      { free: expect.any(Number), quotas: [{ name: 'team' }] },
      { activity: expect.any(Array) },
      { deployments: [], next: null },
      { state: 'read', distribution: null, layers: [{ entries: 1 }, { entries: 1 }] },
      { packages: [], total: 0 },
      {
        files: [
          { path: '/0.txt', layer: 1 },
          { path: '/1.txt', layer: 2 },
        ],
        total: 2,
      },
      { packages: [], files: [{ path: '/0.txt' }, { path: '/1.txt' }] },
      { spdxVersion: 'SPDX-2.3' },
      { packages: [], total: 0 },
      { files: [], next: null },
      { names: true, complete: expect.any(Boolean), scanned: expect.any(Number) },
      { description: 'Payment service' },
      { description: null },
      { tags: 1, manifests: 0 },
      { tags: 1, manifests: 1 },
      { tags: 3, manifests: 0, leftUntagged: 3 },
      { tags: 0, manifests: 0 },
      { tags: 5, manifests: 6 },
      { repositories: 1, tags: 3, manifests: 0 },
      { tags: 3, manifests: 0, changed: 0, kept: 0 },
      { tags: 0, manifests: 0, changed: 0, kept: 0 },
      { condemned: expect.any(Object) },
      { deleted: [{ kind: 'tag' }, { kind: 'tag' }, { kind: 'tag' }], more: false },
      { restored: [{ tags: ['pr-1'] }] },
      { restored: [{ tags: ['again'] }] },
      { restored: [{ moved: [] }] },
      { moves: [{ how: 'undelete' }], more: false },
      { moves: [{ how: 'undelete' }], more: false },
      { tag: 'v2', digest: makeImage('before').manifest.digest },
      { tag: 'v2', digest: makeImage('before').manifest.digest },
      { contents: [{ reason: 'no rule' }, { reason: 'no rule' }], dryRun: true },
      { contents: [{ goes: false }, { goes: false }], untagged: { go: 0, stay: 0 } },
      { contents: [], tags: { go: 0 }, next: null },
      { going: 0, untagged: 0 },
    ])
    expect(printed).toMatch(/\}\nteam: \d+ of 1000000000 bytes\n$/)
  })

  test('the commands for accounts work, one after another, for an admin', async () => {
    const access = "  admins: ['user:alice']\n  rules: [{ who: ['user:alice'], repositories: ['**'], can: [pull, push] }]\n"
    await using registry = await AccessRegistry.start({ access })
    await registry.addUser('alice', 'alice-secret')
    await registry.folder.file('home/.netrc', 'machine 127.0.0.1 login alice password alice-secret\n')

    const printed = await runToSuccess(['sh', '-ec', ACCOUNT_SCRIPT], {
      environment: { ...environmentIn(registry.folder.path), REGISTRY: registry.url },
    })

    const answers = printed.split(/(?<=\})(?=\{)/).map((text) => JSON.parse(text))
    expect(answers).toMatchObject([
      { name: 'alice', admin: true },
      { name: 'bob' },
      { name: 'bob' },
      { name: 'developers', member: 'bob', known: true },
      { users: [{ name: 'alice' }, { name: 'bob', groups: ['developers'] }] },
      { rules: [{ number: 1 }], admins: ['user:alice'] },
      { who: 'user:bob', can: [], rule: null, groups: ['developers'] },
      { name: 'developers' },
      { name: 'bob' },
      { name: 'alice.ci', owner: 'alice', token: expect.stringMatching(/^berth_robot_/) },
      { robots: [{ name: 'alice.ci' }] },
      { name: 'alice.ci' },
      { name: 'ci', secret: expect.stringMatching(/^whsec_/) },
      { name: 'ci' },
      { webhooks: [{ name: 'ci', repositories: ['team/**'], tag: 'v*', kinds: null, by: 'alice' }], unreadable: [] },
      { name: 'ci', taken: false },
      { deliveries: [] },
      { name: 'ci', events: expect.any(Number) },
      { name: 'ci', events: 0 },
      { name: 'ci' },
    ])
  })
})
