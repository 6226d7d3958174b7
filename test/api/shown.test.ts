import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { z } from 'zod'
import { ANSWERS } from '../../src/http/api/answers.ts'
import { pushImage } from '../collect/rows/row.ts'
import { expectError } from '../support/answers.ts'
import { blobsOf, contentOf, descriptorOf, type Image, jsonContent, makeImage } from '../support/images.ts'
import { poll } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'
import { someServers } from '../support/wire.ts'

setDefaultTimeout(120_000)

const LIST = '/api/v1/repositories'
const OCI = 'application/vnd.oci.image.manifest.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip'

/** An image with layers of these texts. */
function imageOf(config: object, layers: readonly string[], more: object = {}): Image {
  const made = jsonContent('application/vnd.oci.image.config.v1+json', { os: 'linux', architecture: 'amd64', ...config })
  const contents = layers.map((text) => contentOf(LAYER, new TextEncoder().encode(text)))
  const body = { schemaVersion: 2, mediaType: OCI, config: descriptorOf(made), layers: contents.map(descriptorOf), ...more }
  return { config: made, layers: contents, manifest: jsonContent(OCI, body) }
}

function bytesOf({ manifest, ...image }: Image): number {
  return [manifest, ...blobsOf({ manifest, ...image })].reduce((sum, { bytes }) => sum + bytes.length, 0)
}

const HOSTILE = '<script>alert(1)</script>\u202e\u0000'
const base = imageOf({ config: { User: 'app', Env: ['PATH=/bin'], Cmd: ['run'] } }, ['base'.repeat(100)])
const one = imageOf(
  {
    config: { User: 'app', Env: ['PATH=/bin', 'OLD=1'], Cmd: ['run'], ExposedPorts: { '80/tcp': {} }, Labels: { hostile: 'a' } },
  },
  ['base'.repeat(100), 'one alone'],
)
const two = imageOf({ config: { User: 'root', Env: ['PATH=/sbin'], Cmd: ['run', '-v'], Labels: { hostile: HOSTILE } } }, [
  'base'.repeat(100),
  'two is larger than one',
])
const signature = imageOf({}, [], { artifactType: 'application/vnd.example.signature', subject: descriptorOf(one.manifest) })

describe.each(someServers('what is shown'))('what /api/v1 of %s shows:', (_, server) => {
  let registry: RestartableRegistry
  let client: RegistryClient

  beforeAll(async () => {
    registry = await RestartableRegistry.start({ storage: 'filesystem', server })
    client = new RegistryClient(registry.url ?? '')
    await pushImage(client, one, 'v1', 'team/app')
    await pushImage(client, two, 'v2', 'team/app')
    await pushImage(client, two, 'latest', 'team/app')
    await pushImage(client, base, 'base', 'team/base')
    await pushImage(client, signature, signature.manifest.digest, 'team/app')
  })
  afterAll(() => registry[Symbol.asyncDispose]())

  async function ask<Schema extends z.ZodType>(schema: Schema, path: string, method = 'GET'): Promise<z.output<Schema>> {
    const response = await expectStatus(await client.request(method, path), 200)
    return schema.parse(await response.json())
  }
  const tagNames = async (repository: string, query: string) => {
    const { tags, next } = await ask(ANSWERS.tags, `${LIST}/${repository}/tags?${query}`)
    return { names: tags.map(({ name }) => name), next }
  }
  /** All pages, of so many tags each. */
  const allTags = async (repository: string, query: string, n: number) => {
    const all: string[] = []
    for (let after: string | null = ''; after !== null; ) {
      const place = after === '' ? '' : `&after=${encodeURIComponent(after)}`
      const page: { names: string[]; next: string | null } = await tagNames(repository, `${query}&n=${n}${place}`)
      all.push(...page.names)
      after = page.next
    }
    return all
  }

  test('one repository, with its tags and images counted and the tag that moved last', async () => {
    const shown = await ask(ANSWERS.repository, `${LIST}/team/app`)

    expect(shown).toMatchObject({
      ...{ name: 'team/app', description: '', describedByHand: false, stars: 0, starred: false, official: false },
      ...{ automated: false, tags: 3, images: 2, newest: { tag: 'latest', digest: two.manifest.digest } },
      pulls: { days7: 0, days30: 0, last: null, byDay: [], total: 0 },
    })
    expect(shown.storage.bytes).toBeGreaterThan(0)
    await expectError(await client.request('GET', `${LIST}/team/none`), 404, 'NAME_UNKNOWN')
  })

  test('repositories whose names end in the words of paths', async () => {
    for (const name of ['odd/tags', 'odd/repository', 'star']) await pushImage(client, makeImage(name), 'v1', name)

    expect(await ask(ANSWERS.repository, `${LIST}/odd/tags/repository`)).toMatchObject({ name: 'odd/tags', tags: 1 })
    expect(await ask(ANSWERS.repository, `${LIST}/odd/repository/repository`)).toMatchObject({ name: 'odd/repository' })
    expect(await ask(ANSWERS.repository, `${LIST}/star`)).toMatchObject({ name: 'star' })
  })

  test('tags in each order, forwards and backwards, page by page', async () => {
    const tags = ['v1.2', 'v1.10', 'v1.9.1', 'latest', 'v1.10-rc.1', 'main']
    for (const [number, tag] of tags.entries()) {
      const created = `202${number}-01-01T00:00:00Z`
      await pushImage(client, imageOf({ created }, [tag, 'x'.repeat(100 * number)]), tag, 'sorted')
    }
    const versions = ['v1.10', 'v1.10-rc.1', 'v1.9.1', 'v1.2', 'main', 'latest']
    const orders = { version: versions, created: tags.toReversed(), size: tags.toReversed(), name: tags.toSorted() }

    for (const [sort, expected] of Object.entries(orders)) {
      for (const n of [1, 2, 4, 100]) expect(await allTags('sorted', `sort=${sort}`, n)).toEqual(expected)
      const turned = sort === 'name' ? 'descending' : 'ascending'
      expect(await allTags('sorted', `sort=${sort}&order=${turned}`, 2)).toEqual(expected.toReversed())
    }
    expect(await allTags('sorted', 'sort=moved', 2)).toEqual(tags.toReversed())
  })

  test('tags by a part of their names, in whatever letters, in each order', async () => {
    for (const tag of ['PR-1', 'pr-2', 'main', 'my-PR', 'x']) await pushImage(client, makeImage(tag), tag, 'filtered')

    expect(await allTags('filtered', 'q=pr', 1)).toEqual(['PR-1', 'my-PR', 'pr-2'])
    expect(await allTags('filtered', 'q=PR&sort=moved', 1)).toEqual(['my-PR', 'pr-2', 'PR-1'])
    expect(await tagNames('filtered', 'q=none')).toEqual({ names: [], next: null })
    expect(await tagNames('filtered', 'q=none&sort=size')).toEqual({ names: [], next: null })
    await expectError(await client.request('GET', `${LIST}/none/tags?sort=size`), 404, 'NAME_UNKNOWN')
  })

  test('a page that begins behind a tag which has gone meanwhile', async () => {
    for (const tag of ['v1', 'v2', 'v3']) await pushImage(client, makeImage(tag), tag, 'gone')
    const { next } = await tagNames('gone', 'sort=version&n=2')
    await expectStatus(await client.deleteManifest('gone', next ?? ''), 202)

    expect(await tagNames('gone', `sort=version&after=${next}`)).toEqual({ names: ['v1'], next: null })
  })

  test('the other tags of the same image', async () => {
    const { tags } = await ask(ANSWERS.tags, `${LIST}/team/app/tags`)

    expect(tags.map(({ name, sameAs }) => [name, sameAs])).toEqual([
      ['latest', ['v2']],
      ['v1', []],
      ['v2', ['latest']],
    ])
  })

  test('what an image names, what leads to it, and what is attached to it', async () => {
    const shown = await ask(ANSWERS.image, `${LIST}/team/app/image?tag=v1`)
    const attached = await ask(ANSWERS.image, `${LIST}/team/app/image?digest=${signature.manifest.digest}`)

    expect(shown.tags).toEqual(['v1'])
    expect(shown.contents?.layers).toEqual(
      one.layers.map(({ digest, bytes }) => ({ digest, mediaType: LAYER, bytes: bytes.length })),
    )
    const { digest, bytes } = signature.manifest
    expect(shown.referrers).toEqual([
      { digest, mediaType: OCI, bytes: bytes.length, artifactType: 'application/vnd.example.signature' },
    ])
    expect(attached).toMatchObject({ tags: [], contents: { subject: one.manifest.digest }, referrers: [] })
  })

  test('the images of an image index, and which of them tell of others', async () => {
    const images = ['amd64', 'arm64'].map((architecture) => makeImage('multi', { architecture }))
    for (const image of images) await pushImage(client, image, image.manifest.digest, 'multi')
    const [first, second] = images.map(({ manifest }) => descriptorOf(manifest))
    const mediaType = 'application/vnd.oci.image.index.v1+json'
    const attestation = { ...second, annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } }
    const manifests = [{ ...first, platform: { os: 'linux', architecture: 'amd64' } }, attestation]
    const index = jsonContent(mediaType, { schemaVersion: 2, mediaType, manifests })
    await expectStatus(await client.putManifest('multi', 'v1', index), 201)

    const { contents } = await ask(ANSWERS.image, `${LIST}/multi/image?tag=v1`)
    const compared = await ask(ANSWERS.comparison, `${LIST}/multi/compare?from=v1&to=${second?.digest}`)

    expect(contents?.images.map(({ platform, attestation: tells }) => [platform, tells])).toEqual([
      ['linux/amd64', false],
      [null, true],
    ])
    expect(compared.from.digest).toBe(first?.digest ?? '')
    await expectError(await client.request('GET', `${LIST}/multi/compare?from=v1&to=v1&platform=a/b`), 404, 'MANIFEST_UNKNOWN')
  })

  test('two images compared: layers, bytes, and what their configs say', async () => {
    const compared = await ask(ANSWERS.comparison, `${LIST}/team/app/compare?from=v1&to=v2`)

    const [shared, alone] = one.layers.map(({ digest }) => digest)
    expect(compared.layers.map(({ digest, in: where }) => [digest, where])).toEqual([
      [shared, 'both'],
      [two.layers[1]?.digest, 'to'],
      [alone, 'from'],
    ] as never)
    expect([compared.commonBytes, compared.from.bytes, compared.to.bytes]).toEqual([400, 409, 422])
    expect(compared.config).toEqual([
      { name: 'user', from: 'app', to: 'root' },
      { name: 'command', from: '["run"]', to: '["run","-v"]' },
      { name: 'port 80/tcp', from: 'exposed', to: null },
      { name: 'variable OLD', from: 'set', to: null },
      { name: 'label hostile', from: 'a', to: '<script>alert(1)</script>' },
    ])
    const same = await ask(ANSWERS.comparison, `${LIST}/team/app/compare?from=v1&to=v1`)
    expect(same).toMatchObject({ config: [], layers: [{ in: 'both' }, { in: 'both' }] })
    await expectError(await client.request('GET', `${LIST}/team/app/compare?from=v1`), 400, 'PARAMETER_INVALID')
    await expectError(await client.request('GET', `${LIST}/team/app/compare?from=v1&to=none`), 404, 'MANIFEST_UNKNOWN')
  })

  test('the bytes of a repository, of an image and of each tag, and what nothing else needs of them', async () => {
    const use = (query: string) => ask(ANSWERS.storage, `${LIST}/team/app/storage${query}`)
    await poll('the scan is complete', 90_000, async () => (await use('')).own ?? undefined)
    const images = [one, two, signature]
    const all = new Map(
      images.flatMap((image) => [image.manifest, ...blobsOf(image)]).map((content) => [content.digest, content]),
    )
    const bytes = [...all.values()].reduce((sum, content) => sum + content.bytes.length, 0)
    const shared = one.layers[0]?.bytes.length ?? 0

    expect(await use('')).toEqual({ bytes, own: bytes - shared })
    expect(await use('?tag=v1')).toEqual({ bytes: bytesOf(one), own: bytesOf(one) - shared })
    expect(await use(`?digest=${two.manifest.digest}`)).toEqual({ bytes: bytesOf(two), own: bytesOf(two) - shared })
    const elsewhere = await ask(ANSWERS.storage, `${LIST}/team/base/storage?tag=base`)
    expect(elsewhere).toEqual({ bytes: bytesOf(base), own: bytesOf(base) - shared })
    const first = await ask(ANSWERS.storageOfTags, `${LIST}/team/app/storage?n=2`)
    const second = await ask(ANSWERS.storageOfTags, `${LIST}/team/app/storage?n=2&after=${first.next}`)
    expect([...first.tags, ...second.tags].map(({ name, own }) => [name, own])).toEqual([
      ['latest', bytesOf(two) - shared],
      ['v1', bytesOf(one) - shared],
      ['v2', bytesOf(two) - shared],
    ])
    expect([first.next, second.next]).toEqual(['v1', null])
    await expectError(await client.request('GET', `${LIST}/team/app/storage?tag=v1&n=1`), 400, 'PARAMETER_INVALID')
    await expectError(await client.request('GET', `${LIST}/team/app/storage?tag=none`), 404, 'MANIFEST_UNKNOWN')
  })

  test('the newest moves and deletions first, page by page', async () => {
    await pushImage(client, makeImage('first'), 'v1', 'moves')
    await pushImage(client, makeImage('second'), 'v1', 'moves')
    await expectStatus(await client.deleteManifest('moves', 'v1'), 202)
    const activity = async (query: string) => await ask(ANSWERS.activity, `/api/v1/activity${query}`)
    await poll('they are recorded', 90_000, async () => {
      const { activity: shown } = await activity('?n=1')
      return shown[0]?.repository === 'moves' && shown[0].digest === null ? true : undefined
    })

    const pages = [await activity('?n=2')]
    pages.push(await activity(`?n=1&before=${pages[0]?.next}`))
    const [first, second] = [makeImage('first'), makeImage('second')].map(({ manifest }) => manifest.digest)

    expect(pages.flatMap(({ activity: shown }) => shown)).toMatchObject([
      { repository: 'moves', tag: 'v1', digest: null, before: second, how: 'tag delete' },
      { repository: 'moves', tag: 'v1', digest: second, before: first, how: 'manifest push' },
      { repository: 'moves', tag: 'v1', digest: first, before: null, how: 'manifest push' },
    ] as never)
    await expectError(await client.request('GET', '/api/v1/activity?before=0'), 400, 'PARAMETER_INVALID')
  })

  test('a description, and no star of a caller without a name', async () => {
    const path = `${LIST}/team/base/description`

    const described = await ask(ANSWERS.description, `${path}?text=${encodeURIComponent(HOSTILE)}`, 'PUT')
    expect(described).toEqual({ description: '<script>alert(1)</script>' })
    expect(await ask(ANSWERS.repository, `${LIST}/team/base`)).toMatchObject({ ...described, describedByHand: true })
    expect(await ask(ANSWERS.description, path, 'DELETE')).toEqual({ description: null })
    expect(await ask(ANSWERS.repository, `${LIST}/team/base`)).toMatchObject({ description: '', describedByHand: false })
    await expectError(await client.request('PUT', `${path}?text=`), 400, 'PARAMETER_INVALID')
    await expectError(await client.request('PUT', `${path}?text=${'x'.repeat(1001)}`), 400, 'PARAMETER_INVALID')
    await expectError(await client.request('PUT', `${LIST}/none/description?text=a`), 404, 'NAME_UNKNOWN')
    await expectError(await client.request('PUT', `${LIST}/team/base/star`), 403, 'DENIED')
  })
})
