import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { pushImage } from '../../../test/collect/rows/row.ts'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { collectAll, DAY_MS, HOUR_MS, TEST_POLICY } from '../../../test/support/collecting.ts'
import { blobsOf, type Content, type Image, makeImage, makeImageIndex } from '../../../test/support/images.ts'
import { expectStatus } from '../../../test/support/registry-client.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { ownWork } from '../../observe/actor.ts'
import { parseDigest } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'
import { RepositoryGlob } from '../../oci/repository-glob.ts'
import { TagGlob } from '../../oci/tag-glob.ts'
import { PushedTimes } from '../keeping/pushed-times.ts'
import { Deletions } from './deletions.ts'
import type { Going, RepositoryNames, Selection, Staying, TagNames } from './selection.ts'

const FREED = { ...TEST_POLICY, intervalMs: 0 }
const ROUND_MS = DAY_MS + HOUR_MS
const signal = new AbortController().signal

let folder: TemporaryFolder
let berth: BerthInProcess
let deletions: Deletions

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await BerthInProcess.start(folder.join('data'), { collector: TEST_POLICY })
  await berth.scan()
  const { scan, manifests } = berth.registry
  const seen = { names: () => scan.ensureNames(), repository: scan.ensureScanned.bind(scan) }
  const times = new PushedTimes(berth.opened.metadata, berth.storage)
  deletions = new Deletions({ metadata: berth.opened.metadata, manifests, seen, freed: FREED, times })
})
afterEach(async () => {
  await berth.stop()
  folder[Symbol.dispose]()
})

const base = makeImage('base', { layers: 1 })
const tool = makeImage('tool', { layers: 3 })
const arm = makeImage('app', { architecture: 'arm64' })
const amd = makeImage('app')
const both = makeImageIndex([amd, arm])

function names(text: string): RepositoryNames {
  const glob = RepositoryGlob.find(text)
  if (glob === undefined) throw new Error(`${text} is no pattern`)
  return glob
}

function tagNames(text: string): TagNames {
  const glob = TagGlob.find(text)
  if (glob === undefined) throw new Error(`${text} is no pattern`)
  return glob
}

const tagOf = (tag: string): Selection => ({ kind: 'tag', repository: parseRepositoryName('app'), tag: parseTag(tag) })
const manifestOf = ({ digest }: Content, repository = 'app'): Selection => {
  return { kind: 'manifest', repository: parseRepositoryName(repository), digest: parseDigest(digest) }
}
const repositoryOf = (name: string): Selection => ({ kind: 'repository', repository: parseRepositoryName(name) })

const sizeOf = (...contents: readonly Content[]) => contents.reduce((sum, { bytes }) => sum + bytes.length, 0)
const partsOf = (image: Image) => [image.manifest, ...blobsOf(image)]

async function previewed(selection: Selection) {
  const going: string[] = []
  const told = (each: Going | Staying) => {
    if (each.kind !== 'stays')
      going.push(`${each.kind} ${each.repository}${each.kind === 'tag' ? `:${each.tag}` : `@${each.digest}`}`)
  }
  return { preview: await deletions.preview(selection, told, signal), going }
}

async function deleted(selection: Selection, asOf: number, isForced = false) {
  return await deletions.delete(selection, { actor: ownWork('test'), isForced, asOf, signal, told: () => undefined })
}

async function pushIndex(repository: string, reference: string): Promise<void> {
  for (const image of both.images) await pushImage(berth.client, image, image.manifest.digest, repository)
  await expectStatus(await berth.client.putManifest(repository, reference, both.manifest), 201)
}

const status = async (repository: string, reference: string) => (await berth.client.getManifest(repository, reference)).status

/** Bytes of all blobs in the storage. */
async function storedBytes(): Promise<number> {
  const row = await berth.opened.metadata.read.get<{ bytes: number }>('SELECT coalesce(sum(size), 0) AS bytes FROM blob')
  return row?.bytes ?? 0
}

describe('the preview of a deletion', () => {
  test('of a tag says that it goes alone, and whether its manifest keeps another one', async () => {
    await pushImage(berth.client, amd, 'v1')
    await pushImage(berth.client, amd, 'latest')

    const first = await previewed(tagOf('v1'))
    await deleted(tagOf('v1'), first.preview.asOf)
    const last = await previewed(tagOf('latest'))

    expect(first.going).toEqual(['tag app:v1'])
    expect(first.preview).toMatchObject({ tags: 1, manifests: 0, leftUntagged: 0, bytes: 0 })
    expect(last.preview).toMatchObject({ tags: 1, manifests: 0, leftUntagged: 1, bytes: 0 })
  })

  test('of an image index names its tags, its children, their referrers and attached tags, and counts each blob once', async () => {
    await pushIndex('app', 'v1')
    await pushImage(berth.client, base, `sha256-${both.manifest.digest.slice(7)}.sig`)
    const report = makeImage('report', { subject: arm.manifest, artifactType: 'application/vnd.test' })
    await pushImage(berth.client, report, report.manifest.digest)

    const { preview, going } = await previewed(manifestOf(both.manifest))

    expect(going.slice(0, 2)).toEqual([`manifest app@${both.manifest.digest}`, 'tag app:v1'])
    expect(
      going
        .slice(2)
        .filter((line) => line.startsWith('released'))
        .sort(),
    ).toEqual([amd, arm, base, report].map(({ manifest }) => `released app@${manifest.digest}`).sort())
    const parts = new Map([both.manifest, ...[amd, arm, base, report].flatMap(partsOf)].map((part) => [part.digest, part]))
    expect(preview).toMatchObject({ tags: 2, manifests: 1, released: 4, bytes: sizeOf(...parts.values()), namedBy: [] })
    expect(preview.freedAfterMs).toBe(DAY_MS + 2 * HOUR_MS + ROUND_MS)
  })

  test('counts no byte that a tag, another index or another repository needs', async () => {
    await pushIndex('app', 'v1')
    await pushImage(berth.client, amd, 'amd')
    await pushImage(berth.client, arm, 'arm', 'other')

    const { preview } = await previewed(manifestOf(both.manifest))

    const parts = [both.manifest]
    expect(preview).toMatchObject({ manifests: 1, released: 1, bytes: sizeOf(...parts) })
  })

  test('of a child names the indexes for which it is refused', async () => {
    await pushIndex('app', 'v1')

    const { preview } = await previewed(manifestOf(amd.manifest))

    expect(preview.namedBy).toEqual([parseDigest(both.manifest.digest)])
  })

  test('of a repository counts all of it but what others have', async () => {
    await pushIndex('app', 'v1')
    await pushImage(berth.client, base, 'base')
    await pushImage(berth.client, base, 'base', 'other')

    const { preview } = await previewed(repositoryOf('app'))

    const parts = new Map([both.manifest, ...both.images.flatMap(partsOf)].map((part) => [part.digest, part]))
    expect(preview).toMatchObject({ repositories: 1, tags: 2, manifests: 4, bytes: sizeOf(...parts.values()) })
    expect(preview.freedAfterMs).toBe(ROUND_MS)
  })

  test('of a pattern of repositories counts what they share once, and what one that stays has not at all', async () => {
    for (const repository of ['ci/a', 'ci/b', 'team']) await pushImage(berth.client, base, 'v1', repository)
    for (const repository of ['ci/a', 'ci/b']) await pushImage(berth.client, tool, 'v1', repository)

    const { preview } = await previewed({ kind: 'repositories', repositories: names('ci/*') })

    expect(preview).toMatchObject({ repositories: 2, tags: 2, manifests: 4, bytes: sizeOf(...partsOf(tool)) })
  })

  test('of a repository or a tag that is not there is refused', async () => {
    await pushImage(berth.client, amd, 'v1')

    await expect(previewed(repositoryOf('never'))).rejects.toMatchObject({ code: 'NAME_UNKNOWN' })
    await expect(previewed(tagOf('never'))).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' })
    await expect(previewed(manifestOf(base.manifest))).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' })
  })

  test('has another token as soon as the set has grown, and the same until then', async () => {
    const ci = { kind: 'tags', repositories: names('ci/**'), tags: tagNames('pr-*') } as const
    await pushImage(berth.client, amd, 'pr-1', 'ci/a')
    await pushImage(berth.client, amd, 'main', 'ci/a')
    const first = await previewed(ci)

    await pushImage(berth.client, base, 'v2', 'ci/b')
    const same = await previewed(ci)
    await pushImage(berth.client, base, 'pr-2', 'ci/b')
    const grown = await previewed(ci)

    expect(first.going).toEqual(['tag ci/a:pr-1'])
    expect(same.preview.token).toBe(first.preview.token)
    expect(grown.preview.token).not.toBe(first.preview.token)
  })
})

describe('a deletion', () => {
  test('of an image index frees, in the end, the bytes that its preview counted', async () => {
    await pushIndex('app', 'v1')
    await pushImage(berth.client, base, 'base')
    const before = await storedBytes()
    const { preview } = await previewed(manifestOf(both.manifest))

    const result = await deleted(manifestOf(both.manifest), preview.asOf)

    expect(result).toEqual({ tags: 1, manifests: 1, changed: 0, kept: 0 })
    await collectAll(berth, 4)
    expect(before - (await storedBytes())).toBe(preview.bytes)
    expect([await status('app', 'v1'), await status('app', 'base')]).toEqual([404, 200])
  })

  test('of a child is refused unless it is forced', async () => {
    await pushIndex('app', 'v1')
    const { preview } = await previewed(manifestOf(amd.manifest))

    await expect(deleted(manifestOf(amd.manifest), preview.asOf)).rejects.toMatchObject({ code: 'DENIED' })
    expect(await status('app', amd.manifest.digest)).toBe(200)

    await deleted(manifestOf(amd.manifest), preview.asOf, true)
    expect(await status('app', amd.manifest.digest)).toBe(404)
  })

  test('of a repository takes indexes and their children, and frees what its preview counted', async () => {
    await pushIndex('app', 'v1')
    await pushImage(berth.client, base, 'base')
    await pushImage(berth.client, base, 'base', 'other')
    const before = await storedBytes()
    const { preview } = await previewed(repositoryOf('app'))

    const result = await deleted(repositoryOf('app'), preview.asOf)

    expect(result).toEqual({ tags: 2, manifests: 4, changed: 0, kept: 0 })
    expect(await status('app', both.manifest.digest)).toBe(404)
    expect(await (await berth.client.request('GET', '/v2/_catalog')).json()).toEqual({ repositories: ['other'] })
    await collectAll(berth, 2)
    expect(before - (await storedBytes())).toBe(preview.bytes)
    expect(await status('other', 'base')).toBe(200)
  })

  test('of a repository leaves what was pushed after its preview, with the children of an index that was', async () => {
    await pushImage(berth.client, amd, 'old')
    await pushImage(berth.client, arm, 'arm')
    const { preview } = await previewed(repositoryOf('app'))
    await expectStatus(await berth.client.putManifest('app', 'new', both.manifest), 201)

    const result = await deleted(repositoryOf('app'), preview.asOf)

    expect(result).toMatchObject({ manifests: 0, changed: 1, kept: 0 })
    expect([await status('app', 'new'), await status('app', amd.manifest.digest)]).toEqual([200, 200])
  })

  test('of a pattern of tags takes those tags alone, and leaves one that has moved since', async () => {
    const ci: Selection = { kind: 'tags', repositories: names('ci/**'), tags: tagNames('pr-*') }
    for (const repository of ['ci/a', 'ci/b']) {
      await pushImage(berth.client, amd, 'pr-1', repository)
      await pushImage(berth.client, amd, 'main', repository)
    }
    const { preview } = await previewed(ci)
    await pushImage(berth.client, base, 'pr-1', 'ci/b')

    const result = await deleted(ci, preview.asOf)

    expect(result).toEqual({ tags: 1, manifests: 0, changed: 1, kept: 0 })
    expect([await status('ci/a', 'pr-1'), await status('ci/a', 'main'), await status('ci/b', 'pr-1')]).toEqual([404, 200, 200])
    expect(await status('ci/a', amd.manifest.digest)).toBe(200)
  })
})
