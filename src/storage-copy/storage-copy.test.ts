import { describe, expect, test } from 'bun:test'
import { makeImage, sha256 } from '../../test/support/images.ts'
import { SecretsDriver } from '../../test/support/secrets-driver.ts'
import { brokenIn, filesIn, storeBlob, storeImage, storeLink } from '../../test/support/stored-image.ts'
import { parseDigest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'
import { type Placement, type StorageDriver, type StoragePath, storagePath, type UploadState } from '../storage/driver.ts'
import { berthLayout, CURRENT_LINK_FILE, layout } from '../storage/layout.ts'
import { MemoryDriver } from '../storage/memory/memory.ts'
import { type CopyProblem, noProgress } from './copy-progress.ts'
import { copyStorage } from './storage-copy.ts'

const APP = 'team/app' as RepositoryName
const TWO = makeImage('two', { layers: 1 })
const RECORD = `${berthLayout.directory}/rules/one`

describe('a copy', () => {
  test('has every byte of the source, but for what belongs to that alone', async () => {
    const source: StorageDriver = await filledStorage()
    const damaged = { name: 'sha256.ab', bytes: new TextEncoder().encode('damaged') }
    await source.place([{ directory: berthLayout.quarantine, files: [damaged] }])
    const target = new MemoryDriver()

    const { progress, problems } = await copy(source, target)

    const { 'berth/v1/store': store, 'berth/v1/databases/a': database, ...others } = await filesIn(source)
    const { 'berth/v1/quarantine/sha256.ab': aside, ...rest } = others
    expect([store, database, aside]).toEqual(['the id of the source', 'in use', 'damaged'])
    expect(await filesIn(target)).toEqual(rest)
    expect(problems).toEqual([])
    expect(progress).toMatchObject({ phase: 'done', repositories: 2, tagsCopied: 3, recordsCopied: 1, blobsPresent: 0 })
  })

  test('that is repeated copies what is new', async () => {
    const source: StorageDriver = await filledStorage()
    const target = new MemoryDriver()
    await copy(source, target)

    await storeImage(source, APP, makeImage('new', { layers: 1 }), 'latest')
    const { progress } = await copy(source, target)

    expect(progress).toMatchObject({ blobsCopied: 3, linksCopied: 3, tagsCopied: 1, recordsCopied: 0 })
    expect(progress).toMatchObject({ blobsPresent: 11, linksPresent: 11, tagsPresent: 2 })
    expect((await filesIn(target))[`${layout.tag(APP, 'latest' as never)}/${CURRENT_LINK_FILE}`]).toBe(
      makeImage('new', { layers: 1 }).manifest.digest,
    )
  })

  test('holds what the source holds, and nothing that it has let go', async () => {
    const source = await filledStorage()
    const target = new MemoryDriver()
    for (const tag of ['kept', 'let-go']) await record(source, layout.holds(APP), tag)
    await copy(source, target)
    await source.remove(storagePath(layout.holds(APP), 'let-go'))
    await copy(source, target)
    expect(await target.list(layout.holds(APP))).toEqual(['kept'])
  })

  test('has the accounts of the source, none that were revoked there, and no deletion that is over; they are their owner’s alone', async () => {
    const source = await filledStorage()
    const target = new SecretsDriver()
    await record(source, berthLayout.users, 'kept')
    await record(source, berthLayout.users, 'revoked')
    await record(source, storagePath(berthLayout.deleted, '20261128'), 'over')
    await record(source, berthLayout.starsOf(APP), 'taken')
    await copy(source, target)
    await source.remove(storagePath(berthLayout.users, 'revoked'))
    await source.remove(storagePath(berthLayout.starsOf(APP), 'taken'))
    await source.remove(storagePath(berthLayout.deleted, '20261128'))

    const { progress } = await copy(source, target)

    expect([await target.list(berthLayout.users), await target.list(berthLayout.deleted)]).toEqual([['kept'], []])
    expect(progress).toMatchObject({ recordsCopied: 0, recordsRemoved: 3 })
    expect(target.secrets).toEqual(new Set(['kept', 'revoked', 'over', 'taken', 'record']))
  })

  test('has the accounts that a list of the source does not show yet', async () => {
    const source = new StaleListDriver()
    const target = new MemoryDriver()
    for (const storage of [source, target]) for (const name of ['old', 'new']) await record(storage, berthLayout.users, name)
    source.hidden.add(storagePath(berthLayout.users, 'new'))

    const { progress } = await copy(source, target)

    expect(await target.list(berthLayout.users)).toEqual(['new', 'old'])
    expect(progress).toMatchObject({ recordsRemoved: 0 })
  })

  test('from a source without accounts leaves those of the target', async () => {
    const target = new MemoryDriver()
    await record(target, berthLayout.users, 'own')

    await copy(await filledStorage(), target)

    expect(await target.list(berthLayout.users)).toEqual(['own'])
  })

  test('that ends after any of its steps leaves no link without bytes, and the next one makes it whole', async () => {
    const source: StorageDriver = await filledStorage()
    const whole = new StoppingDriver(Number.POSITIVE_INFINITY)
    await copy(source, whole)

    for (let steps = 0; steps < whole.steps; steps += 1) {
      const target = new StoppingDriver(steps)
      const ended = await copy(source, target).catch((error: unknown) => error)
      expect(ended).toEqual(new Error('pulled the plug'))
      expect({ steps, broken: brokenIn(await filesIn(target)) }).toEqual({ steps, broken: [] })

      target.stopAfter = Number.POSITIVE_INFINITY
      await copy(source, target)
      expect(await filesIn(target)).toEqual(await filesIn(whole))
    }
    expect(whole.steps).toBeGreaterThan(15)
  })

  test('of a source that is written to meanwhile has no link without bytes', async () => {
    const source = new ServingDriver()
    await storeImage(source, APP, makeImage('first'), 'latest')
    source.onList = async (path) => {
      if (path === layout.tags(APP)) await storeImage(source, APP, makeImage('before the tags are read'), 'early')
      if (path.startsWith(layout.revisions(APP))) await storeImage(source, APP, makeImage('after that'), 'late')
    }
    const target = new MemoryDriver()

    const { problems } = await copy(source, target)

    const files = await filesIn(target)
    expect({ problems, broken: brokenIn(files) }).toEqual({ problems: [], broken: [] })
    expect(Object.keys(files).filter((path) => path.endsWith(CURRENT_LINK_FILE))).toHaveLength(2)
  })

  test('ends when it is told to, and drops what is half-made', async () => {
    const source: StorageDriver = await filledStorage()
    const target = new MemoryDriver()
    const controller = new AbortController()
    source.content = async (path) => {
      controller.abort(new Error('enough'))
      return await MemoryDriver.prototype.content.call(source, path)
    }

    await expect(copy(source, target, controller.signal)).rejects.toThrow('enough')

    expect([await filesIn(target), await target.listUploads()]).toEqual([{}, []])
  })
})

describe('what is wrong in the source', () => {
  test('as a damaged layer, is named with the image that lacks it; the rest is copied', async () => {
    const source: StorageDriver = await filledStorage()
    const image = makeImage('one')
    const layer = image.layers[0]?.digest ?? ''
    await storeBlob(source, { digest: layer, bytes: new TextEncoder().encode('rotten') })
    const target = new MemoryDriver()

    const { problems, progress } = await copy(source, target)

    const digest = parseDigest(layer)
    expect(problems).toEqual([
      { kind: 'damaged-blob', digest, size: 6, actual: parseDigest(sha256(new TextEncoder().encode('rotten'))) },
      { kind: 'incomplete-image', repository: APP, digest: parseDigest(image.manifest.digest), missing: [digest] },
    ])
    const files = await filesIn(target)
    expect(Object.keys(files).filter((path) => path.includes(layer.slice(7)))).toEqual([])
    expect({ broken: brokenIn(files), tags: progress.tagsCopied }).toEqual({ broken: [], tags: 3 })
    expect(await target.listUploads()).toEqual([])
  })

  test('as an empty manifest, is named with its tags', async () => {
    const source: StorageDriver = await filledStorage()
    const { digest } = TWO.manifest
    await storeBlob(source, { digest, bytes: new Uint8Array() })
    const target = new MemoryDriver()

    const { problems } = await copy(source, target)

    expect(problems).toMatchObject([
      { kind: 'damaged-blob', digest },
      { kind: 'tag-not-copied', repository: APP, tag: 'two', digest },
    ])
    expect(brokenIn(await filesIn(target))).toEqual([])
  })

  test('as links that name nothing, is left out and counted: collectors of registry:2 leave them', async () => {
    const source: StorageDriver = await filledStorage()
    const nothing = parseDigest(sha256(new TextEncoder().encode('never stored')))
    await storeLink(source, layout.layer(APP, nothing), nothing)
    await storeLink(source, layout.revision(APP, nothing), 'no digest at all')
    await source.remove(layout.revision(APP, parseDigest(TWO.manifest.digest)))
    const target = new MemoryDriver()

    const { problems, progress } = await copy(source, target)

    expect({ problems, dangling: progress.dangling }).toEqual({ problems: [], dangling: 2 })
    expect(brokenIn(await filesIn(target))).toEqual([])
  })

  test('as a blob that cannot be read, is named and the rest is copied', async () => {
    const source: StorageDriver = await filledStorage()
    const { digest } = TWO.config
    source.content = async (path) => {
      if (path !== layout.blob(parseDigest(digest))) return await MemoryDriver.prototype.content.call(source, path)
      return new ReadableStream({ pull: (controller) => controller.error(new Error('EIO')) })
    }

    const { problems, progress } = await copy(source, new MemoryDriver())

    expect(problems).toMatchObject([
      { kind: 'unreadable-blob', digest, reason: 'EIO' },
      { kind: 'incomplete-image', missing: [digest] },
    ])
    expect(progress.tagsCopied).toBe(3)
  })

  test('as a whole source that cannot be read any more, ends the copy', async () => {
    const source: StorageDriver = await filledStorage()
    for (let number = 0; number < 30; number += 1) {
      const bytes = new TextEncoder().encode(`${number}`)
      await storeBlob(source, { digest: sha256(bytes), bytes })
    }
    source.content = async () => new ReadableStream({ pull: (controller) => controller.error(new Error('EHOSTUNREACH')) })

    await expect(copy(source, new MemoryDriver())).rejects.toThrow('EHOSTUNREACH')
  })
})

async function copy(source: StorageDriver, target: StorageDriver, signal = new AbortController().signal) {
  const progress = noProgress()
  const problems: CopyProblem[] = []
  await copyStorage({ source, target, progress, onProblem: (problem) => problems.push(problem), signal })
  return { progress, problems }
}

async function filledStorage(): Promise<MemoryDriver> {
  const storage = new MemoryDriver()
  await storeImage(storage, APP, makeImage('one'), 'latest')
  await storeImage(storage, APP, TWO, 'two')
  await storeImage(storage, 'other', makeImage('three'), 'latest')
  for (const [directory, name, text] of [
    [berthLayout.directory, 'store', 'the id of the source'],
    [`${berthLayout.directory}/databases`, 'a', 'in use'],
    [RECORD, 'record', 'a record'],
  ] as const) {
    await storage.place([{ directory: directory as StoragePath, files: [{ name, bytes: new TextEncoder().encode(text) }] }])
  }
  return storage
}

async function record(storage: StorageDriver, directory: StoragePath, name: string): Promise<void> {
  await storage.place([{ directory, files: [{ name, bytes: new TextEncoder().encode(name) }] }])
}

/** Its lists are older than what is there. */
class StaleListDriver extends MemoryDriver {
  readonly hidden = new Set<StoragePath>()

  override async list(path: StoragePath): Promise<readonly string[]> {
    return (await super.list(path)).filter((name) => !this.hidden.has(storagePath(path, name)))
  }
}

/** Fails with every change after so many. */
class StoppingDriver extends MemoryDriver {
  stopAfter: number
  steps = 0

  constructor(stopAfter: number) {
    super()
    this.stopAfter = stopAfter
  }

  override async place(placements: readonly Placement[]): Promise<void> {
    for (const placement of placements) {
      this.#step()
      await super.place([placement])
    }
  }

  override async completeUpload(state: UploadState, target: StoragePath, size: number): Promise<void> {
    this.#step()
    await super.completeUpload(state, target, size)
  }

  #step(): void {
    if (this.steps >= this.stopAfter) throw new Error('pulled the plug')
    this.steps += 1
  }
}

/** Somebody pushes while it is read. */
class ServingDriver extends MemoryDriver {
  onList: (path: StoragePath) => Promise<void> = async () => undefined

  override async list(path: StoragePath): Promise<readonly string[]> {
    await this.onList(path)
    return await super.list(path)
  }
}
