import { afterEach, beforeEach, describe, expect, spyOn, test } from 'bun:test'
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { RestartableRegistry } from '../../../test/support/restartable-registry.ts'
import { placementOf } from '../../../test/support/storage-driver-contract.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { LOCAL_STORAGE, storagePath } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { MemoryDriver } from '../../storage/memory/memory.ts'
import { UploadPurge } from './upload-purge.ts'

const HOUR_MS = 3_600_000
const repository = parseRepositoryName('library/alpine')

let berth: RestartableRegistry

beforeEach(async () => {
  berth = await RestartableRegistry.start({ storage: 'filesystem' }, { database: 'kept', maintenance: 'off' })
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
})

function purge({ dryRun = false } = {}): UploadPurge {
  return new UploadPurge({ storage: berth.storage, metadata: berth.metadata, ageMs: HOUR_MS, dryRun, log: berth.log })
}

/** A session with a few bytes, last touched so long ago. */
async function session(ageMs: number): Promise<string> {
  const { uploadId } = await berth.registry.uploads.start(repository, 'sha256')
  const chunk = { body: new Response('hello').body, start: undefined, length: undefined }
  await berth.registry.uploads.append(repository, uploadId, chunk)
  await berth.metadata.write((query) =>
    query.run('UPDATE upload SET changed_at_ms = ? WHERE id = ?', Date.now() - ageMs, uploadId),
  )
  return uploadId
}

async function isOpen(uploadId: string): Promise<boolean> {
  try {
    return (await berth.registry.uploads.status(repository, uploadId)).offset === 5
  } catch {
    return false
  }
}

/** As registry:2 leaves one behind. */
async function foreignUpload(id: string, ageMs: number, below = 'library/alpine'): Promise<string> {
  const path = join(berth.dataDirectory, 'docker/registry/v2/repositories', below, '_uploads', id)
  await mkdir(join(path, 'hashstates/sha256'), { recursive: true })
  await writeFile(join(path, 'data'), 'half')
  await writeFile(join(path, 'startedat'), '2024-01-01T00:00:00Z')
  const then = new Date(Date.now() - ageMs)
  await utimes(join(path, 'startedat'), then, then)
  return path
}

describe('sessions', () => {
  test('that nobody has touched for too long end, with their bytes', async () => {
    const [old, young] = [await session(2 * HOUR_MS), await session(HOUR_MS / 2)]

    expect(await purge().run(new AbortController().signal)).toEqual({ sessions: 1, foreign: 0 })

    expect([await isOpen(old), await isOpen(young)]).toEqual([false, true])
    expect(await berth.storage.listUploads()).toHaveLength(1)
  })

  test('that a request takes up while others are purged go on', async () => {
    const uploads = [await session(2 * HOUR_MS), await session(2 * HOUR_MS)]
    const taken: string[] = []
    const abort = berth.storage.abortUpload.bind(berth.storage)
    const aborting = spyOn(berth.storage, 'abortUpload').mockImplementationOnce(async (state) => {
      await abort(state)
      const [left] = await berth.metadata.read.all<{ id: string }>('SELECT id FROM upload')
      taken.push(left?.id ?? '')
      const chunk = { body: new Response('.').body, start: undefined, length: undefined }
      await berth.registry.uploads.append(repository, left?.id ?? '', chunk)
    })

    expect(await purge().run(new AbortController().signal)).toMatchObject({ sessions: 1 })

    aborting.mockRestore()
    expect(uploads).toContain(taken[0] ?? '')
    expect((await berth.registry.uploads.status(repository, taken[0] ?? '')).offset).toBe(6)
  })

  test('of any number end', async () => {
    for (let count = 0; count < 250; count += 1) await berth.registry.uploads.start(repository, 'sha256')
    await berth.metadata.write((query) => query.run('UPDATE upload SET changed_at_ms = 0'))

    expect(await purge().run(new AbortController().signal)).toMatchObject({ sessions: 250 })
    expect(await purge().run(new AbortController().signal)).toMatchObject({ sessions: 0 })
  })
})

test('a purge that is given up ends before the next upload', async () => {
  const old = await session(2 * HOUR_MS)

  expect(await purge().run(AbortSignal.abort())).toEqual({ sessions: 0, foreign: 0 })

  expect(await isOpen(old)).toBe(true)
})

describe('what registry:2 has left', () => {
  const [OLD, YOUNG] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222']

  test('goes when it was started too long ago, in repositories of every depth', async () => {
    await foreignUpload(OLD, 2 * HOUR_MS)
    await foreignUpload(YOUNG, HOUR_MS / 2)
    await foreignUpload(OLD, 2 * HOUR_MS, 'deep/down/below')
    await foreignUpload(OLD, 2 * HOUR_MS, 'deep')
    await berth.registry.scan.scanNames()

    expect(await purge().run(new AbortController().signal)).toEqual({ sessions: 0, foreign: 3 })

    const left = await readdir(join(berth.dataDirectory, 'docker/registry/v2/repositories/library/alpine/_uploads'))
    expect(left).toEqual([YOUNG])
  })

  test('goes by the age of its directory when it does not say when it was started', async () => {
    const path = join(berth.dataDirectory, 'docker/registry/v2/repositories/library/alpine/_uploads', OLD)
    await mkdir(path, { recursive: true })
    const then = new Date(Date.now() - 2 * HOUR_MS)
    await utimes(path, then, then)
    await berth.registry.scan.scanNames()

    expect(await purge().run(new AbortController().signal)).toMatchObject({ foreign: 1 })
  })

  test('stays when it is no upload of a registry, and keeps nothing else from going', async () => {
    await foreignUpload('a stranger’s notes', 2 * HOUR_MS)
    await foreignUpload('notes', 2 * HOUR_MS)
    await foreignUpload(OLD, 2 * HOUR_MS)
    await berth.registry.scan.scanNames()

    expect(await purge().run(new AbortController().signal)).toMatchObject({ foreign: 1 })
  })
})

test('on an object store what registry:2 has left is found by lists of everything, also where nobody knows the repository', async () => {
  class Bucket extends MemoryDriver {
    override readonly capabilities = { ...LOCAL_STORAGE, listsWhole: true }
  }
  const storage = new Bucket()
  const uploads = ['11111111-1111-4111-8111-111111111111', 'notes'].map((id) =>
    storagePath(layout.uploads(parseRepositoryName('nobody/knows')), id),
  )
  for (const directory of uploads)
    await storage.place([placementOf(directory, { data: 'half', startedat: '2024', 'hashstates/0': '' })])
  const run = (ageMs: number) =>
    new UploadPurge({ storage, metadata: berth.metadata, ageMs, dryRun: false, log: berth.log }).run(new AbortController().signal)

  expect(await run(HOUR_MS)).toMatchObject({ foreign: 0 })
  expect(await run(-1)).toMatchObject({ foreign: 1 })

  expect(await Promise.all(uploads.map((path) => storage.list(path)))).toEqual([[], ['data', 'hashstates', 'startedat']])
})

test('a dry run writes to the log what a purge would remove, and removes nothing', async () => {
  const uploadId = await session(2 * HOUR_MS)
  const path = await foreignUpload('11111111-1111-4111-8111-111111111111', 2 * HOUR_MS)
  await berth.registry.scan.scanNames()

  expect(await purge({ dryRun: true }).run(new AbortController().signal)).toEqual({ sessions: 1, foreign: 1 })

  const told = berth.log.lines.filter(({ message }) => message === 'upload would be purged')
  expect(told.map(({ fields }) => fields)).toEqual([
    { kind: 'session', repository, uploadId },
    { kind: 'registry:2', repository: 'library/alpine', uploadId: '11111111-1111-4111-8111-111111111111' },
  ])
  expect(await isOpen(uploadId)).toBe(true)
  expect((await readdir(path)).sort()).toEqual(['data', 'hashstates', 'startedat'])
})
