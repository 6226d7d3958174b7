import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ANSWERS } from '../../src/http/api/answers.ts'
import { NO_POLICY } from '../../src/registry/retention/retention-policy.ts'
import { pushImage } from '../collect/rows/row.ts'
import { expectError } from '../support/answers.ts'
import { DAY_MS } from '../support/collecting.ts'
import { blobsOf, type Image, makeImage } from '../support/images.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'
import { ruleOf, tagSetOf } from '../support/retention-rule.ts'
import { someServers } from '../support/wire.ts'

const IMAGES = ['one', 'two', 'three'].map((name) => makeImage(name)) as [Image, Image, Image]
const [OLD, NEW] = [makeImage('old', { layers: 1 }), makeImage('new', { layers: 1 })]
const retention = {
  ...{ ...NO_POLICY, untaggedMs: 30 * DAY_MS, rules: ['team/**', 'old/**'].map((name) => ruleOf(name, 'v*', { versions: 1 })) },
  protected: [tagSetOf('**', 'latest')],
}

describe.each(someServers('rules for tags'))('/api/v1 of %s, the rules for tags:', (_, server) => {
  let registry: RestartableRegistry
  let client: RegistryClient

  beforeAll(async () => {
    registry = await RestartableRegistry.start({ storage: 'filesystem', server, retention })
    client = new RegistryClient(registry.url ?? '')
    for (const [tag, image] of [...['v1', 'v2', 'v3', 'latest', 'main'].entries()].map(([place, name]) => [name, place] as const))
      await pushImage(client, IMAGES[image % 3] as Image, tag, 'team/app')
    for (const image of IMAGES) await pushImage(client, image, 'main', 'lab/app')
    for (const [tag, image] of [['v1', OLD] as const, ['v2', NEW] as const]) await pushImage(client, image, tag, 'old/app')
  })
  afterAll(() => registry[Symbol.asyncDispose]())

  async function ask(path: string) {
    const answer = await expectStatus(await client.request('GET', `/api/v1/repositories/${path}`), 200)
    return ANSWERS.retention.parse(await answer.json())
  }

  test('each tag stays or goes, with the reason and how many there are, and nothing is removed', async () => {
    const answer = await ask('team/app/retention')

    const gone = 'rule 1 names it, and none of its lines keeps it'
    expect(answer).toMatchObject({ tags: { go: 2, stay: 3 }, untagged: { go: 0, stay: 0 }, dryRun: true, next: null })
    expect(answer.contents.map(({ tag, goes, reason }) => [tag, goes, reason])).toEqual([
      ['latest', false, 'protected'],
      ['main', false, 'unnamed'],
      ['v1', true, 'not kept'],
      ['v2', true, 'not kept'],
      ['v3', false, 'versions'],
    ])
    expect(answer.contents[2]).toMatchObject({ digest: IMAGES[0].manifest.digest, because: gone })
    expect((await client.headManifest('team/app', 'v1')).status).toBe(200)
  })

  test.each(['team/app', 'lab/app'])(
    'pages of %s give all of it, one after another, manifests without a tag last',
    async (name) => {
      const all = (await ask(`${name}/retention`)).contents
      const paged: unknown[] = []
      for (let next: string | null = ''; next !== null && paged.length <= all.length; ) {
        const page = await ask(`${name}/retention?n=1${next === '' ? '' : `&last=${next}`}`)
        paged.push(...page.contents)
        next = page.next
      }

      expect(paged).toEqual(all)
      expect(all.map(({ tag }) => tag === null)).toEqual(name === 'lab/app' ? [false, true, true] : Array(5).fill(false))
    },
  )

  test('goes=true gives only what goes', async () => {
    const [some, rest] = [await ask('team/app/retention?goes=true&n=1'), await ask('team/app/retention?goes=true&last=v1')]

    expect([some.contents.map(({ tag }) => tag), some.next]).toEqual([['v1'], 'v1'])
    expect([rest.contents.map(({ tag }) => tag), rest.next]).toEqual([['v2'], null])
  })

  test('bytes=true adds what that sets free, of all that goes, whatever the page is', async () => {
    const [with_, without] = [await ask('team/app/retention?bytes=true&n=1'), await ask('team/app/retention?n=1')]

    // The images of `v1` and `v2` have other tags, or are in another repository as well.
    expect(with_.bytes).toEqual({ going: 0, untagged: 0 })
    expect(without.bytes).toBeUndefined()
    expect(await ask('old/app/retention?bytes=true')).toMatchObject({
      tags: { go: 1, stay: 1 },
      bytes: { going: 0, untagged: [OLD.manifest, ...blobsOf(OLD)].reduce((sum, { bytes }) => sum + bytes.length, 0) },
    })
  })

  test.each([
    ['team/app/retention?bytes=1', 400, 'PARAMETER_INVALID'],
    ['team/app/retention?n=0', 400, 'PARAMETER_INVALID'],
    ['team/app/retention?n=1001', 400, 'PARAMETER_INVALID'],
    ['team/app/retention?last=..', 400, 'PARAMETER_INVALID'],
    ['team/app/retention?goes=yes', 400, 'PARAMETER_INVALID'],
    ['team/app/retention?tag=v1', 400, 'PARAMETER_INVALID'],
    ['team/none/retention', 404, 'NAME_UNKNOWN'],
  ])('%s is %i', async (path, status, code) => {
    await expectError(await client.request('GET', `/api/v1/repositories/${path}`), status, code)
  })
})
