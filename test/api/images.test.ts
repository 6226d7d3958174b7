import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { z } from 'zod'
import { ANSWERS } from '../../src/http/api/answers.ts'
import { pushImage } from '../collect/rows/row.ts'
import { expectError } from '../support/answers.ts'
import { descriptorOf, type Image, jsonContent, makeImage, makeImageIndex } from '../support/images.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'
import { someServers } from '../support/wire.ts'

const LIST = '/api/v1/repositories'
const OCI = 'application/vnd.oci.image.manifest.v1+json'
const config = jsonContent('application/vnd.oci.image.config.v1+json', {
  ...{ created: '2024-01-02T03:04:05Z', os: 'linux', architecture: 'arm64', variant: 'v8' },
  config: {
    ...{ User: 'app', WorkingDir: '/srv', Entrypoint: ['/app'], Cmd: ['--serve'], ExposedPorts: { '80/tcp': {} } },
    ...{
      Env: ['TOKEN=secret'],
      Labels: { 'org.opencontainers.image.source': 'https://example.com', hostile: '\u202e<script>\u0000' },
    },
  },
  history: [{ created: '2024-01-02T03:04:05Z', created_by: 'COPY app /app', comment: 'made' }],
})
const described: Image = {
  config,
  layers: [],
  manifest: jsonContent(OCI, {
    ...{ schemaVersion: 2, mediaType: OCI, config: descriptorOf(config), layers: [] },
    annotations: {
      'org.opencontainers.image.title': 'App',
      'org.opencontainers.image.description': 'An app that is described',
      'org.opencontainers.image.version': '1.2.3',
      'org.opencontainers.image.base.name': 'debian:12',
    },
  }),
}

describe.each(someServers('images'))('what /api/v1 of %s knows of images:', (_, server) => {
  let registry: RestartableRegistry
  let client: RegistryClient

  beforeAll(async () => {
    registry = await RestartableRegistry.start({ storage: 'filesystem', server })
    client = new RegistryClient(registry.url ?? '')
    await pushImage(client, described, 'v1', 'team/app')
    for (const name of ['team/other', 'team/tags/image', 'z']) await pushImage(client, makeImage(name), 'v1', name)
  })
  afterAll(() => registry[Symbol.asyncDispose]())

  async function ask<Schema extends z.ZodType>(schema: Schema, path: string): Promise<z.output<Schema>> {
    const response = await expectStatus(await client.request('GET', path), 200)
    expect(response.headers.get('content-type')).toBe('application/json')
    return schema.parse(await response.json())
  }
  const repositories = async (query = '') => await ask(ANSWERS.repositories, `${LIST}${query}`)
  const tags = async (repository: string, query = '') => await ask(ANSWERS.tags, `${LIST}/${repository}/tags${query}`)
  const image = async (repository: string, query: string) => await ask(ANSWERS.image, `${LIST}/${repository}/image?${query}`)

  test('repositories by name, with their descriptions, page by page', async () => {
    expect(await repositories()).toEqual({
      repositories: [
        { name: 'team/app', description: 'An app that is described', stars: 0, automated: false },
        ...['team/other', 'team/tags/image', 'z'].map((name) => ({ name, description: '', stars: 0, automated: false })),
      ],
      more: false,
    })
    const first = await repositories('?n=2')
    expect([first.repositories.map(({ name }) => name), first.more]).toEqual([['team/app', 'team/other'], true])
    const second = await repositories('?n=2&after=team/other')
    expect([second.repositories.map(({ name }) => name), second.more]).toEqual([['team/tags/image', 'z'], false])
  })

  test('repositories that a search finds, in its order, page by page', async () => {
    expect(await repositories('?q=described')).toEqual({
      repositories: [{ name: 'team/app', description: 'An app that is described', stars: 0, automated: false }],
      ...{ total: 1, more: false },
    })
    const page = await repositories('?q=team&n=2&page=2')
    expect([page.repositories.map(({ name }) => name), page.total, page.more]).toEqual([['team/tags/image'], 3, false])
    expect(await repositories('?q=team&n=2')).toMatchObject({ total: 3, more: true })
  })

  test('tags, with what is known of their images, and what moved them', async () => {
    const index = makeImageIndex([makeImage('child')])
    for (const child of index.images) await pushImage(client, child, 'child', 'indexed')
    await expectStatus(await client.putManifest('indexed', 'multi', index.manifest), 201)

    const { tags: listed, more } = await tags('team/app')
    const indexed = await tags('indexed', '?after=child')

    expect(listed).toEqual([
      {
        ...{ name: 'v1', digest: described.manifest.digest, mediaType: OCI, created: '2024-01-02T03:04:05.000Z' },
        ...{ bytes: config.bytes.length, platforms: ['linux/arm64/v8'] },
        moved: { at: expect.any(String), by: null, how: 'manifest push' },
        ...{ pulls: { days7: 0, days30: 0, last: null }, sameAs: [] },
      },
    ])
    expect(Math.abs(Date.parse(listed[0]?.moved?.at ?? '') - Date.now())).toBeLessThan(600_000)
    expect(more).toBe(false)
    expect(indexed.tags).toMatchObject([{ name: 'multi', bytes: null, platforms: ['linux/amd64'] }])
  })

  test('tags page by page', async () => {
    for (const tag of ['a', 'b', 'c']) await pushImage(client, makeImage('paged'), tag, 'paged')

    const first = await tags('paged', '?n=2')
    const second = await tags('paged', '?n=2&after=b')

    expect([first.tags.map(({ name }) => name), first.more]).toEqual([['a', 'b'], true])
    expect([second.tags.map(({ name }) => name), second.more]).toEqual([['c'], false])
  })

  test('an image by its tag and by its digest, with all that is known, and no value of a variable', async () => {
    const byTag = await image('team/app', 'tag=v1')
    const byDigest = await image('team/app', `digest=${described.manifest.digest}`)

    expect(byDigest).toEqual(byTag)
    expect(JSON.stringify(byTag)).not.toMatch(/secret|\u202e|\\u0000/)
    expect(byTag).toEqual({
      ...{ digest: described.manifest.digest, mediaType: OCI, manifestBytes: described.manifest.bytes.length, tags: ['v1'] },
      contents: { artifactType: config.mediaType, subject: null, layers: [], images: [] },
      ...{ referrers: [], moreReferrers: false, attachedTags: [], pulls: { days7: 0, days30: 0, last: null, byDay: [] } },
      facts: {
        ...{ created: '2024-01-02T03:04:05.000Z', bytes: config.bytes.length, platforms: ['linux/arm64/v8'] },
        ...{ title: 'App', description: 'An app that is described', source: 'https://example.com', version: '1.2.3' },
        ...{ baseName: 'debian:12', baseDigest: null, firstImage: null },
        config: {
          ...{ user: 'app', workingDirectory: '/srv', entrypoint: ['/app'], command: ['--serve'], ports: ['80/tcp'] },
          environment: ['TOKEN'],
          labels: { 'org.opencontainers.image.source': 'https://example.com', hostile: '<script>' },
          history: [{ created: '2024-01-02T03:04:05.000Z', by: 'COPY app /app', comment: 'made', isEmpty: false }],
        },
      },
    })
  })

  test('a repository whose name ends in the words of a path', async () => {
    expect((await tags('team/tags/image')).tags.map(({ name }) => name)).toEqual(['v1'])
    expect(await image('team/tags/image', 'tag=v1')).toMatchObject({ digest: makeImage('team/tags/image').manifest.digest })
  })

  test.each([
    ['?n=0'],
    ['?n=1001'],
    ['?n=x'],
    ['?page=1'],
    ['?q=a&after=b'],
    ['?q=a&page=0'],
    ['?other=1'],
    ['?q=a&q=b'],
    ['/team/app/tags?n=0'],
    ['/team/app/tags?q='],
    ['/team/app/tags?sort=other'],
    ['/team/app/tags?sort=size&after=v1'],
    ['/team/app/tags?after=-'],
    ['/team/app/image'],
    [`/team/app/image?tag=v1&digest=sha256:${'0'.repeat(64)}`],
    ['/team/app/image?tag=/'],
    ['/team/app/image?digest=x'],
  ])('%s is refused with 400', async (path) => {
    await expectError(await client.request('GET', `${LIST}${path}`), 400, 'PARAMETER_INVALID')
  })

  test.each([
    ['/none/tags', 'NAME_UNKNOWN'],
    ['/none/image?tag=v1', 'MANIFEST_UNKNOWN'],
    ['/team/app/image?tag=none', 'MANIFEST_UNKNOWN'],
    [`/team/app/image?digest=sha256:${'0'.repeat(64)}`, 'MANIFEST_UNKNOWN'],
  ])('%s is not there', async (path, code) => {
    await expectError(await client.request('GET', `${LIST}${path}`), 404, code)
  })
})
