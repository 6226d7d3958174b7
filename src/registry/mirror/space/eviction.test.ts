import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { TemporaryFolder } from '../../../../test/support/temporary-folder.ts'
import { ensureRepository, putReferences, setBlobLive, setLink, setManifestHeld } from '../../../metadata/changes.ts'
import { advanceClock } from '../../../metadata/collecting/clock.ts'
import { notePulls } from '../../../metadata/pulls/notes.ts'
import { nextNumber, type Query, type Stamp } from '../../../metadata/query.ts'
import { type OpenedMetadata, openMetadata } from '../../../metadata/sqlite/open.ts'
import { type Digest, digestOf } from '../../../oci/digest.ts'
import { parseRepositoryName, type RepositoryName } from '../../../oci/name.ts'
import { ChangedMeanwhile } from '../../content/manifest-removal.ts'
import { KeptContent } from '../../keeping/tag-guard.ts'
import { Eviction } from './eviction.ts'
import { LeastUsed } from './least-used.ts'
import { Staying } from './staying.ts'

const APP = parseRepositoryName('hub/app')
const OTHER = parseRepositoryName('hub/other')
const OWN = parseRepositoryName('hubs/own')
const NEVER = new AbortController().signal

let folder: TemporaryFolder
let opened: OpenedMetadata
let staying: Staying
beforeEach(async () => {
  folder = new TemporaryFolder()
  staying = new Staying()
  const [path, runDirectory] = [folder.join('metadata.db'), folder.join('run')]
  opened = await openMetadata({ path, runDirectory, storeId: async () => 'store' })
})
afterEach(async () => {
  await opened.metadata.close()
  opened.locks.release(opened.processId)
  folder[Symbol.dispose]()
})

const digest = (text: string): Digest => digestOf('sha256', new TextEncoder().encode(text))

/** Each change comes a minute after the one before it. */
async function change(operation: (query: Query, stamp: Stamp) => Promise<void>): Promise<void> {
  await opened.metadata.write(async (query) => {
    await advanceClock(query, 60_000, Date.now())
    await operation(query, { number: await nextNumber(query), epoch: opened.epoch })
  })
}

async function addManifest(repository: RepositoryName, name: string, children: readonly string[] = []): Promise<void> {
  await change(async (query, stamp) => {
    const id = await ensureRepository(query, repository, opened.epoch)
    await setBlobLive(query, digest(name), 10, stamp)
    await setManifestHeld(query, id, digest(name), null, stamp)
    const descriptors = children.map((child) => ({ mediaType: 'application/x', digest: digest(child), size: 10 }))
    const references = descriptors.map((descriptor) => ({ role: 'child', descriptor, mayBeAbsent: false }) as const)
    await putReferences(query, id, digest(name), references)
  })
}

const pull = async (repository: RepositoryName, name: string) =>
  await change((query) =>
    notePulls(query, [{ repository, digest: digest(name), tag: undefined, shard: 0, count: 1, ofRepository: 1, lastMs: 0 }]),
  )

const leastUsed = (isKept: (repository: RepositoryName) => boolean = () => false) =>
  new LeastUsed({
    metadata: opened.metadata,
    prefix: 'hub',
    isKept,
    staying,
  })

async function found(...options: Parameters<typeof leastUsed>): Promise<readonly string[]> {
  const names = new Map(['one', 'two', 'three', 'index', 'child', 'blob'].map((name) => [digest(name), name]))
  return (await leastUsed(...options).find(NEVER)).map((unused) => `${unused.kind} ${names.get(unused.digest)}`)
}

describe('what was used least', () => {
  test('comes in the order of the last pulls, over all repositories below the prefix and no others', async () => {
    await addManifest(APP, 'one')
    await addManifest(OTHER, 'two')
    await addManifest(OWN, 'three')
    expect(await found()).toEqual(['image one', 'image two'])

    await pull(APP, 'one')

    expect(await found()).toEqual(['image two', 'image one'])
    expect(await found((repository) => repository === OTHER)).toEqual(['image one'])
  })

  test('is an image index with its images, which are used when one of them is', async () => {
    await addManifest(APP, 'child')
    await addManifest(APP, 'index', ['child'])
    await addManifest(APP, 'one')
    expect(await found()).toEqual(['image index', 'image one'])

    await pull(APP, 'child')

    expect(await found()).toEqual(['image one', 'image index'])
  })

  test('is a blob that no manifest names', async () => {
    await addManifest(APP, 'one')
    await change(async (query, stamp) => {
      const id = await ensureRepository(query, APP, opened.epoch)
      await setBlobLive(query, digest('blob'), 10, stamp)
      await setLink(query, id, digest('blob'), digest('blob'), stamp)
    })

    expect(await found()).toEqual(['image one', 'blob blob'])
  })
})

describe('an eviction', () => {
  /** What it asks to be deleted; nothing is removed. */
  function evictionInto(deleted: string[], refusal?: Error): Eviction {
    const none = async () => []
    return new Eviction({
      metadata: opened.metadata,
      manifests: {
        delete: async (_, reference) => {
          if (refusal !== undefined) throw refusal
          deleted.push(reference)
          return { tags: [] }
        },
      },
      removal: { manifests: none, linksAndBytes: async () => ({ links: [], blobs: [] }), bytes: none },
      onlyHere: { mayBe: async (_, image) => image === digest('only here') },
      staying,
      windowMs: 0,
    })
  }
  const taking = { signal: NEVER, onFreed: () => undefined }

  test('leaves what was pulled since it was found', async () => {
    await addManifest(APP, 'one')
    await addManifest(APP, 'two')
    const unused = [...(await leastUsed().find(NEVER))]
    const deleted: string[] = []
    await pull(APP, 'one')

    const evicted = await evictionInto(deleted).take(unused, Number.POSITIVE_INFINITY, taking)

    expect(deleted).toEqual([digest('two')])
    expect(evicted).toEqual({ images: 1, bytes: 0, later: 1 })
  })

  test.each([
    ['is held', new KeptContent('It is held.', {}), 0],
    ['has changed', new ChangedMeanwhile(), 1],
  ] as const)('tells whether what %s may go at another time', async (_, error, later) => {
    await addManifest(APP, 'one')
    const unused = [...(await leastUsed().find(NEVER))]

    const evicted = await evictionInto([], error).take(unused, Number.POSITIVE_INFINITY, taking)

    expect(evicted).toEqual({ images: 0, bytes: 0, later })
    // What is kept is in the way of nothing.
    expect((await leastUsed().find(NEVER)).length).toBe(later)
  })

  test('leaves what the other registry does not have', async () => {
    await addManifest(APP, 'only here')
    await addManifest(APP, 'two')
    const unused = [...(await leastUsed().find(NEVER))]
    const deleted: string[] = []

    const evicted = await evictionInto(deleted).take(unused, Number.POSITIVE_INFINITY, taking)

    expect(deleted).toEqual([digest('two')])
    expect(evicted.later).toBe(0)
  })

  test('takes as many as hold the bytes, and leaves the others in the list', async () => {
    for (const name of ['one', 'two', 'three']) await addManifest(APP, name)
    const unused = [...(await leastUsed().find(NEVER))]
    const deleted: string[] = []

    await evictionInto(deleted).take(unused, 15, taking)

    expect(deleted).toEqual([digest('one'), digest('two')])
    expect(unused.map((left) => left.digest)).toEqual([digest('three')])
  })
})
