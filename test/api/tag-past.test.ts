import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { z } from 'zod'
import { ANSWERS } from '../../src/http/api/answers.ts'
import { NO_POLICY } from '../../src/registry/retention/retention-policy.ts'
import { pushImage } from '../collect/rows/row.ts'
import { expectError } from '../support/answers.ts'
import { type Image, makeImage } from '../support/images.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'
import { tagSetOf } from '../support/retention-rule.ts'
import { someServers } from '../support/wire.ts'

const IMAGES = ['one', 'two', 'three'].map((name) => makeImage(name)) as [Image, Image, Image]
const [one, two, three] = IMAGES
const [first, second, third] = IMAGES.map(({ manifest }) => manifest.digest)
const retention = { ...NO_POLICY, immutable: [tagSetOf('fixed/**', 'v*')] }

describe.each(someServers('the past of tags'))('/api/v1 of %s, the past of tags:', (_, server) => {
  let registry: RestartableRegistry
  let client: RegistryClient

  beforeAll(async () => {
    registry = await RestartableRegistry.start({ storage: 'filesystem', server, retention })
    client = new RegistryClient(registry.url ?? '')
  })
  afterAll(() => registry[Symbol.asyncDispose]())

  /** A repository whose tag `v1` led to these, one after another. */
  async function moved(...images: readonly Image[]): Promise<string> {
    const repository = `team/${crypto.randomUUID()}`
    for (const image of images) await pushImage(client, image, 'v1', repository)
    return repository
  }

  async function ask<Schema extends z.ZodType>(schema: Schema, method: string, path: string): Promise<z.output<Schema>> {
    return schema.parse(await (await expectStatus(await client.request(method, `/api/v1/repositories/${path}`), 200)).json())
  }

  const history = (path: string) => ask(ANSWERS.history, 'GET', path)
  const restore = (path: string) => ask(ANSWERS.restoration, 'POST', path)
  const refused = async (method: string, path: string, status: number, code: string) =>
    await expectError(await client.request(method, `/api/v1/repositories/${path}`), status, code)
  const pointsTo = async (repository: string, tag = 'v1') =>
    (await client.headManifest(repository, tag)).headers.get('docker-content-digest')

  test('each move is told, the newest first, with what became of where it led', async () => {
    const repository = await moved(one, two, three)
    await expectStatus(await client.deleteManifest(repository, first ?? ''), 202)
    await expectStatus(await client.deleteManifest(repository, 'v1'), 202)

    const { moves, more, unreadable } = await history(`${repository}/history?tag=v1`)

    const [push, nobody] = ['manifest push', { by: null, until: null }]
    expect(moves).toMatchObject([
      { ...nobody, how: 'tag delete', digest: null, state: 'gone' },
      { ...nobody, how: push, digest: third, state: 'there' },
      { ...nobody, how: push, digest: second, state: 'there' },
      { by: null, how: push, digest: first, state: 'deleted', until: expect.any(String) },
    ])
    expect([more, unreadable]).toEqual([false, 0])
  })

  test('n takes the newest, and says that there are more', async () => {
    const repository = await moved(one, two, three)

    const [some, all] = [await history(`${repository}/history?tag=v1&n=2`), await history(`${repository}/history?tag=v1&n=3`)]

    expect(some.moves.map(({ digest }) => digest)).toEqual([third ?? '', second ?? ''])
    expect([some.more, all.more, all.moves.length]).toEqual([true, false, 3])
  })

  test('a tag of which nothing is known has no moves', async () => {
    expect(await history('team/none/history?tag=v1')).toEqual({ moves: [], more: false, unreadable: 0 })
  })

  test('moves that are in the storage are told as those that wait', async () => {
    const repository = await moved(one, two)
    const before = await history(`${repository}/history?tag=v1`)
    await registry.registry.history.flush(new AbortController().signal)

    expect(await history(`${repository}/history?tag=v1`)).toEqual(before)
  })

  test('a tag is pointed back by so many moves, and to a digest', async () => {
    const repository = await moved(one, two, three)

    const back = await restore(`${repository}/restore?tag=v1&back=2`)
    const now = await pointsTo(repository)
    await restore(`${repository}/restore?tag=v1&digest=${third}`)

    expect(back).toEqual({ tag: 'v1', digest: first ?? '' })
    expect(now).toBe(first ?? '')
    expect(await pointsTo(repository)).toBe(third ?? '')
    const { moves } = await history(`${repository}/history?tag=v1&n=2`)
    expect(moves.map(({ how, digest }) => [how, digest])).toEqual([
      ['tag restore', third ?? ''],
      ['tag restore', first ?? ''],
    ])
  })

  test('a tag that was deleted is back', async () => {
    const repository = await moved(one, two)
    await expectStatus(await client.deleteManifest(repository, 'v1'), 202)

    await restore(`${repository}/restore?tag=v1&back=1`)

    expect(await pointsTo(repository)).toBe(second ?? '')
  })

  test('what is not known, has gone or may not move is refused with the reason, and nothing moves', async () => {
    const repository = await moved(one, two)
    const none = makeImage('none').manifest.digest
    await pushImage(client, one, 'v1', 'fixed/app')
    await pushImage(client, two, 'other', 'fixed/app')

    await refused('POST', `${repository}/restore?tag=v1&back=9`, 404, 'MANIFEST_UNKNOWN')
    const { detail } = await refused('POST', `${repository}/restore?tag=v1&digest=${none}`, 409, 'MANIFEST_BLOB_UNKNOWN')
    await refused('POST', `fixed/app/restore?tag=v1&digest=${second}`, 403, 'DENIED')

    expect(detail).toEqual({ missing: [none] })
    expect([await pointsTo(repository), await pointsTo('fixed/app')]).toEqual([second ?? '', first ?? ''])
  })

  test.each([
    ['GET', 'history'],
    ['GET', 'history?tag=v1&n=0'],
    ['GET', 'history?tag=v1&n=1001'],
    ['GET', 'history?tag=v1&n=1e3'],
    ['GET', 'history?tag=v1&tag=v2'],
    ['GET', 'history?tag=v1&last=v2'],
    ['GET', 'history?tag=..'],
    ['POST', 'restore?tag=v1'],
    ['POST', `restore?tag=v1&back=1&digest=${first}`],
    ['POST', 'restore?tag=v1&digest=sha256:1'],
    ['POST', 'restore?back=1'],
  ])('%s %s is 400', async (method, path) => {
    await refused(method, `team/app/${path}`, 400, 'PARAMETER_INVALID')
  })
})
