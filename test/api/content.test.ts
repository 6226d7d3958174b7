import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { z } from 'zod'
import { ANSWERS } from '../../src/http/api/answers.ts'
import { NO_POLICY } from '../../src/registry/retention/retention-policy.ts'
import { pushImage } from '../collect/rows/row.ts'
import { expectError } from '../support/answers.ts'
import { type Image, makeImage, makeImageIndex } from '../support/images.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'
import { tagSetOf } from '../support/retention-rule.ts'
import { someServers } from '../support/wire.ts'

setDefaultTimeout(120_000)

const [one, other] = [makeImage('one'), makeImage('other')] as [Image, Image]
const index = makeImageIndex([one])
const retention = { ...NO_POLICY, protected: [tagSetOf('kept/**', 'latest')] }

describe.each(someServers('the content of images'))('/api/v1 of %s:', (_, server) => {
  let registry: RestartableRegistry
  let client: RegistryClient

  beforeAll(async () => {
    registry = await RestartableRegistry.start({ storage: 'filesystem', server, retention })
    client = new RegistryClient(registry.url ?? '')
  })
  afterAll(() => registry[Symbol.asyncDispose]())

  /** A repository with `v1` and `v2` on the first image, and `latest` on the other one. */
  async function pushed(below = 'team'): Promise<string> {
    const repository = `${below}/${crypto.randomUUID()}`
    for (const tag of ['v1', 'v2']) await pushImage(client, one, tag, repository)
    await pushImage(client, other, 'latest', repository)
    return repository
  }

  async function ask<Schema extends z.ZodType>(schema: Schema, method: string, path: string): Promise<z.output<Schema>> {
    const response = await expectStatus(await client.request(method, `/api/v1/repositories/${path}`), 200)
    expect(response.headers.get('content-type')).toBe('application/json')
    return schema.parse(await response.json())
  }

  const preview = (path: string) => ask(ANSWERS.preview, 'GET', path)
  const remove = (path: string) => ask(ANSWERS.deletion, 'POST', path)
  const undelete = (path: string) => ask(ANSWERS.undeletion, 'POST', path)
  const refused = async (method: string, path: string, status: number, code: string) =>
    await expectError(await client.request(method, `/api/v1/repositories/${path}`), status, code)
  const statusOf = async (repository: string, reference: string) => (await client.headManifest(repository, reference)).status

  test('a tag is looked at, deleted alone, and brought back', async () => {
    const repository = await pushed()

    const { token, ...shown } = await preview(`${repository}/deletion?tag=v1`)
    const deleted = await remove(`${repository}/deletion?tag=v1&token=${token}`)
    const after = [await statusOf(repository, 'v1'), await statusOf(repository, 'v2')]
    const back = await undelete(`${repository}/undelete?tag=v1`)

    const { digest } = one.manifest
    expect(shown).toMatchObject({ tags: 1, manifests: 0, bytes: 0, goes: [{ kind: 'tag', tag: 'v1', digest }], more: false })
    expect(deleted).toEqual({ tags: 1, manifests: 0, changed: 0, kept: 0 })
    expect(after).toEqual([404, 200])
    const restored = [{ digest, tags: ['v1'], moved: [] }]
    expect(back).toEqual({ manifests: 1, restored, gone: [], more: false, unreadable: 0 })
    expect(await statusOf(repository, 'v1')).toBe(200)
  })

  test('a manifest goes with its tags, frees its bytes by a time, and is brought back by its id under another tag', async () => {
    const repository = await pushed()
    const { digest } = one.manifest

    const { token, ...shown } = await preview(`${repository}/deletion?digest=${digest}`)
    await remove(`${repository}/deletion?digest=${digest}&token=${token}`)
    const { deleted } = await ask(ANSWERS.deleted, 'GET', `${repository}/deleted`)
    const back = await undelete(`${repository}/undelete?id=${deleted[0]?.id}&as=again`)

    expect(shown).toMatchObject({ tags: 2, manifests: 1, freedBy: expect.any(String) })
    expect(deleted).toMatchObject([{ kind: 'manifest', digest, tags: ['v1', 'v2'], tagCount: 2 }])
    expect(back.restored).toMatchObject([{ digest, tags: ['again'] }])
    expect([await statusOf(repository, 'again'), await statusOf(repository, 'v1')]).toEqual([200, 404])
  })

  test('a pattern of tags, and then all of the repository, go and come back', async () => {
    const repository = await pushed()

    const some = await preview(`${repository}/deletion?tags=v*`)
    const deletedTags = await remove(`${repository}/deletion?tags=v*&token=${some.token}`)
    const all = await preview(`${repository}/deletion`)
    const deleted = await remove(`${repository}/deletion?token=${all.token}`)
    const gone = (await client.request('GET', `/v2/${repository}/tags/list`)).status
    await undelete(`${repository}/undelete`)

    expect(some).toMatchObject({ tags: 2, leftUntagged: 1 })
    expect(deletedTags).toMatchObject({ tags: 2, manifests: 0 })
    expect(deleted).toMatchObject({ tags: 1, manifests: 2 })
    expect(gone).toBe(404)
    const { tags } = (await (await client.request('GET', `/v2/${repository}/tags/list`)).json()) as { tags: string[] }
    expect(tags).toEqual(['latest', 'v1', 'v2'])
  })

  test('tags of all repositories that fit a pattern, and then the repositories, go as the look has shown them', async () => {
    const below = `wide-${crypto.randomUUID()}`
    const [first, second, outside] = [await pushed(below), await pushed(`${below}/deep`), await pushed()]
    const look = async (words: string) =>
      ANSWERS.previewByPattern.parse(await (await client.request('GET', `/api/v1/deletion?${words}`)).json())
    const post = (words: string, token: string) => client.request('POST', `/api/v1/deletion?${words}&token=${token}`)

    const tags = `repositories=${below}/**&tags=v*`
    const some = await look(tags)
    await pushImage(client, one, 'v3', second)
    await expectError(await post(tags, some.token), 409, 'DENIED')
    const untouched = [await statusOf(first, 'v1'), await statusOf(second, 'v1')]
    const deletedTags = await (await expectStatus(await post(tags, (await look(tags)).token), 200)).json()
    const shallow = await look(`repositories=${below}/*`)
    const whole = await look(`repositories=${below}/**`)
    const deleted = await (await expectStatus(await post(`repositories=${below}/**`, whole.token), 200)).json()

    expect(some).toMatchObject({ repositories: 2, tags: 4, manifests: 0, leftUntagged: 2, more: false })
    expect(some.goes.map(({ repository, tag }) => `${repository}:${tag}`).toSorted()).toEqual(
      [`${first}:v1`, `${first}:v2`, `${second}:v1`, `${second}:v2`].toSorted(),
    )
    expect(untouched).toEqual([200, 200])
    expect(deletedTags).toEqual({ tags: 5, manifests: 0, changed: 0, kept: 0 })
    expect(shallow).toMatchObject({ repositories: 1, tags: 1, manifests: 2 })
    expect(whole).toMatchObject({ repositories: 2, tags: 2, manifests: 4 })
    expect(deleted).toEqual({ tags: 2, manifests: 4, changed: 0, kept: 0 })
    expect(await statusOf(outside, 'v1')).toBe(200)
  })

  test('a pattern of repositories says what is kept in which of them, and what it cannot mean', async () => {
    const below = `kept/${crypto.randomUUID()}`
    const repository = await pushed(below)

    const seen = ANSWERS.previewByPattern.parse(
      await (await client.request('GET', `/api/v1/deletion?repositories=${below}/**`)).json(),
    )

    expect(seen).toMatchObject({ tags: 2, manifests: 1, kept: 2 })
    expect(seen.stays).toContainEqual({ repository, reference: 'latest', because: expect.stringContaining('protected') })
    for (const words of [
      '',
      'tags=v*',
      'repositories=Team/**',
      `repositories=${below}/**&olderThan=1h`,
      'repositories=**&tag=v1',
    ])
      await expectError(await client.request('GET', `/api/v1/deletion?${words}`), 400, 'PARAMETER_INVALID')
  })

  test('an age means only older tags of a pattern', async () => {
    const repository = await pushed()

    const old = await preview(`${repository}/deletion?tags=v*&olderThan=1h`)
    const young = await preview(`${repository}/deletion?tags=v*`)

    expect([old.tags, old.stays, young.tags]).toEqual([0, [], 2])
    for (const words of ['tag=v1&olderThan=1h', 'olderThan=1h', 'tags=v*&olderThan=0d', 'tags=v*&olderThan=soon'])
      await refused('GET', `${repository}/deletion?${words}`, 400, 'PARAMETER_INVALID')
  })

  test('of a deletion with many tags a hundred are named, and all come back', async () => {
    const repository = `team/${crypto.randomUUID()}`
    await pushImage(client, one, 'v1', repository)
    for (const from of [0, 75]) {
      const query = Array.from({ length: 75 }, (_, place) => `tag=t${from + place}`).join('&')
      const headers = { 'content-type': one.manifest.mediaType }
      const path = `/v2/${repository}/manifests/${one.manifest.digest}?${query}`
      await expectStatus(await client.request('PUT', path, { headers, body: one.manifest.bytes.slice() }), 201)
    }
    const { token } = await preview(`${repository}/deletion`)
    await remove(`${repository}/deletion?token=${token}`)

    const { deleted } = await ask(ANSWERS.deleted, 'GET', `${repository}/deleted`)
    const back = await undelete(`${repository}/undelete`)

    expect(deleted).toMatchObject([{ tagCount: 151, tags: { length: 100 } }])
    expect(back).toMatchObject({ manifests: 1, restored: [{ tags: { length: 100 } }], more: false })
    const { tags } = (await (await client.request('GET', `/v2/${repository}/tags/list`)).json()) as { tags: string[] }
    expect(tags).toHaveLength(151)
  })

  test('a set that has grown since the look is not deleted, and nothing is without a look', async () => {
    const repository = await pushed()
    const { token } = await preview(`${repository}/deletion`)
    await pushImage(client, other, 'later', repository)

    const grown = await refused('POST', `${repository}/deletion?token=${token}`, 409, 'DENIED')
    const blind = await refused('POST', `${repository}/deletion`, 400, 'PARAMETER_INVALID')

    expect(grown.message).toContain('look again')
    expect(blind.message).toContain('token')
    expect([await statusOf(repository, 'v1'), await statusOf(repository, 'later')]).toEqual([200, 200])
  })

  test('what a rule keeps is named with the reason, and stays', async () => {
    const repository = await pushed('kept')

    const { token, ...shown } = await preview(`${repository}/deletion`)
    const deleted = await remove(`${repository}/deletion?token=${token}`)

    expect(shown.stays).toContainEqual({ reference: 'latest', because: expect.any(String) })
    expect(shown).toMatchObject({ tags: 2, manifests: 1 })
    expect(deleted).toMatchObject({ tags: 2, manifests: 1 })
    expect([await statusOf(repository, 'latest'), await statusOf(repository, 'v1')]).toEqual([200, 404])
  })

  test('a child of an image index goes only where it is forced, and the look names the index', async () => {
    const repository = await pushed()
    await client.putManifest(repository, 'multi', index.manifest)
    const { digest } = one.manifest
    const { token, namedBy } = await preview(`${repository}/deletion?digest=${digest}`)

    const kept = await refused('POST', `${repository}/deletion?digest=${digest}&token=${token}`, 409, 'DENIED')
    const deleted = await remove(`${repository}/deletion?digest=${digest}&token=${token}&force=true`)

    expect(namedBy).toEqual([index.manifest.digest])
    expect(kept.message).toContain(index.manifest.digest)
    expect(deleted).toMatchObject({ manifests: 1 })
  })

  test('what is not there is 404, and a deletion of another repository is none of this one', async () => {
    const [repository, elsewhere] = [await pushed(), await pushed()]
    const { token } = await preview(`${elsewhere}/deletion?tag=v1`)
    await remove(`${elsewhere}/deletion?tag=v1&token=${token}`)
    const { deleted } = await ask(ANSWERS.deleted, 'GET', `${elsewhere}/deleted`)

    await refused('GET', 'team/none/deletion', 404, 'NAME_UNKNOWN')
    await refused('GET', `${repository}/deletion?tag=none`, 404, 'MANIFEST_UNKNOWN')
    await refused('POST', `${repository}/undelete?tag=v1`, 404, 'MANIFEST_UNKNOWN')
    await refused('POST', `${repository}/undelete?id=${deleted[0]?.id}`, 404, 'MANIFEST_UNKNOWN')
    expect(await statusOf(elsewhere, 'v1')).toBe(404)
    expect(await ask(ANSWERS.deleted, 'GET', `${repository}/deleted`)).toEqual({ deleted: [], more: false, unreadable: 0 })
  })

  test.each([
    ['a parameter that the path does not have', 'app/deletion?tga=v1', 'tga'],
    ['a parameter that is there twice', 'app/deletion?tag=v1&tag=v2', 'twice'],
    ['two that mean different things', 'app/deletion?tag=v1&tags=v*', 'at most one'],
    ['what can be no tag', 'app/deletion?tag=-', 'can be no tag'],
    ['what can be no digest', 'app/deletion?digest=sha256:12', 'is no digest'],
    ['a tag for all of a repository', 'app/undelete?as=v1', 'as is for one image'],
  ])('%s is refused in one sentence', async (_, path, words) => {
    const { message } = await refused(path.includes('undelete') ? 'POST' : 'GET', path, 400, 'PARAMETER_INVALID')

    expect(message).toContain(words)
  })

  test('a path that is none, a name that can be none, and a method that the path does not have are refused', async () => {
    await expectError(await client.request('GET', '/api/v1/nothing'), 404, 'NAME_UNKNOWN')
    await expectError(await client.request('GET', '/api/v2/openapi.json'), 404, 'NAME_UNKNOWN')
    await refused('GET', 'Team/deletion', 400, 'NAME_INVALID')
    const refusal = await client.request('DELETE', '/api/v1/repositories/app/deletion')
    await expectError(refusal, 405, 'UNSUPPORTED')
    expect(refusal.headers.get('allow')).toBe('GET, HEAD, POST')
  })
})
