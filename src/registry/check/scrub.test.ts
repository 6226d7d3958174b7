import { afterEach, beforeEach, expect, spyOn, test } from 'bun:test'
import { blobOf, DamagedRegistry, digestIn } from '../../../test/support/damaged-registry.ts'
import { blobsOf, makeImage } from '../../../test/support/images.ts'
import { RestartableRegistry } from '../../../test/support/restartable-registry.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { berthLayout, layout } from '../../storage/layout.ts'
import { StorageFault } from '../../storage/storage-errors.ts'
import { BlobBytes } from './blob-bytes.ts'
import { Quarantine } from './quarantine.ts'
import { Scrub, type ScrubbedBlob } from './scrub.ts'
import { readScrubNote } from './scrub-note.ts'

const app = parseRepositoryName('team/app')
const image = makeImage('app', { layers: 3 })
const contents = [...blobsOf(image), image.manifest]
const [layer] = image.layers as [Layer]
type Layer = (typeof image.layers)[number]

let berth: RestartableRegistry
let lab: DamagedRegistry
let read: ScrubbedBlob[]

beforeEach(async () => {
  berth = await RestartableRegistry.start({ storage: 'filesystem' }, { database: 'kept', maintenance: 'off' })
  lab = new DamagedRegistry(berth)
  await lab.push(app, 'v1', image)
  read = []
})
afterEach(async () => await berth[Symbol.asyncDispose]())

interface ScrubParts {
  readonly pace?: (bytes: number) => Promise<void>
  readonly isReadOnly?: boolean
}

function scrub({ pace = async () => undefined, isReadOnly = false }: ScrubParts = {}): Scrub {
  const { storage, metadata, log, registry } = berth
  const askStorage = async () => await storage.stat(berthLayout.store)
  const bytes = new BlobBytes({ storage, askStorage, pace })
  const reconcile = { isSeen: () => true, isKnownAbsent: async () => false, look: async () => [] }
  const quarantine = new Quarantine({ storage, metadata, operations: registry.operations, reconcile })
  const onRead = (blob: ScrubbedBlob) => void read.push(blob)
  return new Scrub({ storage, metadata, bytes, quarantine, isReadOnly, askStorage, log, onRead })
}

const never = () => new AbortController().signal
const note = async () => await readScrubNote(berth.metadata.read)
const told = () =>
  berth.log.lines.filter(({ message }) => /blob|manifest was/.test(message)).map(({ level, message }) => ({ level, message }))

test('a pass reads each blob once, and the next one begins a week later', async () => {
  await scrub().run(never())
  await scrub().run(never())
  expect(read).toHaveLength(contents.length)

  const clock = spyOn(Date, 'now').mockReturnValue(Date.now() + 8 * 24 * 60 * 60 * 1000)
  await scrub()
    .run(never())
    .finally(() => clock.mockRestore())

  expect(read).toHaveLength(2 * contents.length)
  expect(await note()).toMatchObject({ blobs: contents.length, damaged: 0 })
})

test('a pass that is stopped goes on from its place, in another process or after a restart', async () => {
  const stopping = new AbortController()
  let blobs = 0
  const pace = async () => {
    blobs += 1
    if (blobs === 3) stopping.abort()
  }
  await scrub({ pace }).run(stopping.signal)
  const before = read.length
  await berth.restart({ database: 'kept', maintenance: 'off' })

  await scrub().run(never())

  expect(before).toBe(2)
  expect(read).toHaveLength(contents.length)
  expect(await note()).toMatchObject({
    blobs: contents.length,
    bytes: contents.reduce((sum, { bytes }) => sum + bytes.length, 0),
  })
})

test('a damaged blob is moved aside and told, and a push of it heals it', async () => {
  await lab.flip(layer)

  await scrub().run(never())

  expect(told()).toEqual([{ level: 'error', message: 'a blob is damaged: it was moved aside, and must be pushed again' }])
  expect(await lab.storage.stat(berthLayout.quarantined(digestIn(layer)))).toMatchObject({ kind: 'file' })
  expect(await berth.registry.status.scrub()).toMatchObject({ missing: [layer.digest] })
  await lab.push(app, 'v1', image)
  expect(await berth.registry.status.scrub()).toMatchObject({ missing: [] })
  expect(await lab.status(`/v2/${app}/blobs/${layer.digest}`)).toBe(200)
})

test('a blob that cannot be read is told and counted, and the others are read', async () => {
  const content = berth.storage.content.bind(berth.storage)
  const broken = spyOn(berth.storage, 'content').mockImplementation(async (path, ...part) => {
    if (path === blobOf(layer)) throw new StorageFault({ cause: new Error('EIO') })
    return await content(path, ...part)
  })

  await scrub()
    .run(never())
    .finally(() => broken.mockRestore())

  expect(told()).toEqual([{ level: 'error', message: 'the bytes of a blob cannot be read' }])
  expect(await note()).toMatchObject({ blobs: contents.length - 1, unreadable: 1 })
  expect(await lab.storage.stat(blobOf(layer))).toMatchObject({ kind: 'file' })
})

test('a blob whose bytes are wrong at one reading alone stays', async () => {
  const content = berth.storage.content.bind(berth.storage)
  let readings = 0
  const flaky = spyOn(berth.storage, 'content').mockImplementation(async (path, ...part) => {
    if (path !== blobOf(layer)) return await content(path, ...part)
    readings += 1
    return readings === 1 ? new Blob(['not these']) : await content(path, ...part)
  })

  await scrub()
    .run(never())
    .finally(() => flaky.mockRestore())

  expect([readings, told()]).toEqual([2, []])
  expect(await lab.storage.stat(blobOf(layer))).toMatchObject({ size: layer.bytes.length })
})

test('a file that is not the one which was read is not moved aside', async () => {
  const { storage, metadata, registry } = berth
  const reconcile = { isSeen: () => true, isKnownAbsent: async () => false, look: async () => [] }
  const quarantine = new Quarantine({ storage, metadata, operations: registry.operations, reconcile })

  const outcome = await quarantine.take(digestIn(layer), { size: 3, changedAtMs: 0 }, 'test')

  expect(outcome).toBe('changed')
  expect(await lab.status(`/v2/${app}/blobs/${layer.digest}`)).toBe(200)
})

test('a failure when the bytes have been moved leaves rows that say what the storage is, and the scrub goes on', async () => {
  await lab.flip(layer)
  const remove = spyOn(berth.storage, 'removeOnlyFiles').mockRejectedValueOnce(new Error('EIO'))

  await scrub()
    .run(never())
    .finally(() => remove.mockRestore())

  expect(told()).toEqual([{ level: 'error', message: 'a blob is damaged, and could not be moved aside' }])
  expect(await note()).toMatchObject({ blobs: contents.length, damaged: 1 })
  expect(await berth.registry.status.scrub()).toMatchObject({ missing: [layer.digest] })
  await lab.push(app, 'v1', image)
  expect(await lab.status(`/v2/${app}/blobs/${layer.digest}`)).toBe(200)
})

test('nothing is read where nothing may be changed', async () => {
  await scrub({ isReadOnly: true }).run(never())

  expect([read, await note()]).toEqual([[], undefined])
})

test('a storage that has gone is not read to its end', async () => {
  const gone = spyOn(berth.storage, 'stat').mockRejectedValue(new Error('gone'))
  const list = spyOn(berth.storage, 'listFiles').mockResolvedValue({ files: [], unnamed: [], next: undefined })

  await expect(scrub().run(never())).rejects.toThrow('gone')

  gone.mockRestore()
  list.mockRestore()
  expect((await note())?.endedAtMs).toBeUndefined()
  expect(await lab.storage.stat(layout.blobs)).toMatchObject({ kind: 'directory' })
})
