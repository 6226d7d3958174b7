import { expect, test } from 'bun:test'
import { Gate } from '../../../test/support/gate.ts'
import { fixedBytes } from '../../../test/support/images.ts'
import { RecordedLog } from '../../../test/support/recorded-log.ts'
import { digestOf } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import type { ByteRange } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { MemoryDriver } from '../../storage/memory/memory.ts'
import type { UpstreamBlob } from '../../upstream/upstream.ts'
import type { PulledRegistry } from '../../upstream/upstreams.ts'
import type { BlobPush } from '../content/blob-push.ts'
import type { StoredBlob } from '../content/blob-store.ts'
import { RunningDigests } from '../uploads/running-digests.ts'
import { Turns } from '../uploads/turns.ts'
import { UploadFiles } from '../uploads/upload-files.ts'
import { ArrivingBlob } from './arriving-blob.ts'
import { BlobFetch, type BlobFetchParts } from './blob-fetch.ts'
import { NO_EVENTS } from './mirror-events.ts'

const APP = parseRepositoryName('app')
const BYTES = fixedBytes(1_000_000)
const DIGEST = digestOf('sha256', BYTES)
const SIZE = BYTES.length
const PLACE = layout.blob(DIGEST)

test('readers have their first bytes before they are in a file, and before other processes are told of it', async () => {
  const gate = new Gate()
  const { arriving, fetch } = fetchFrom(new SlowDriver(gate, 0), async () => await gate.pass())

  const fetched = fetch.run(undefined)
  const reading = arriving.read({ start: 0, end: SIZE })
  const first = await reading.next()
  await gate.reached()
  gate.open()
  const rest = await Array.fromAsync(reading)
  await fetched

  expect(digestOf('sha256', Buffer.concat([first.value ?? new Uint8Array(), ...rest]))).toBe(DIGEST)
})

test('the file has the first bytes, for readers of other processes, before the rest of what came with them is written', async () => {
  const gate = new Gate()
  const storage = new SlowDriver(gate, SIZE / 10)
  const { arriving, fetch } = fetchFrom(storage, async () => undefined)

  const fetched = fetch.run(undefined)
  await gate.reached()
  const { written } = storage
  gate.open()
  await fetched

  expect(written).toBeWithin(1, SIZE / 10)
  expect(await arriving.whole()).toBe(SIZE)
})

/** Of an upload it writes so many bytes, and no further ones before the gate is open. */
class SlowDriver extends MemoryDriver {
  written = 0
  readonly #gate: Gate
  readonly #bytes: number

  constructor(gate: Gate, bytes: number) {
    super()
    this.#gate = gate
    this.#bytes = bytes
  }

  override async beginUpload() {
    const writer = await super.beginUpload()
    const write = writer.write.bind(writer)
    writer.write = async (bytes) => {
      if (writer.offset + bytes.length > this.#bytes) await this.#gate.pass()
      await write(bytes)
      this.written = writer.offset
    }
    return writer
  }
}

/** The upstream sends the blob as one chunk. */
function fetchFrom(storage: MemoryDriver, tell: BlobFetchParts['rows']['tell']) {
  const blobs = {
    find: async () => undefined,
    content: async (_: StoredBlob, range?: ByteRange) => (await storage.content(PLACE, range)) ?? new Blob(),
  }
  const arriving = new ArrivingBlob({ digest: DIGEST, storage, blobs })
  const named = { origin: 'http://far.example.com', asked: 'The upstream http://far.example.com' }
  const blob: UpstreamBlob = { from: named, start: 0, size: SIZE, chunks: chunkOf(BYTES), discard: () => undefined }
  const liveness = { isAlive: async () => true }
  const pushes: Pick<BlobPush, 'complete'> = {
    complete: async (_, { state, size }) => {
      await storage.completeUpload(state, PLACE, size)
      return undefined
    },
  }
  const fetch = new BlobFetch(APP, DIGEST, arriving, {
    upstream: { ...named, openBlob: async () => blob } as unknown as PulledRegistry,
    storage,
    blobs,
    pushes: pushes as BlobPush,
    files: new UploadFiles({ storage, processId: 'own', epoch: 1, liveness }, new RunningDigests()),
    turns: new Turns(),
    rows: { tell },
    space: undefined,
    events: NO_EVENTS,
    pace: undefined,
    signal: new AbortController().signal,
    log: new RecordedLog(),
  })
  return { arriving, fetch }
}

async function* chunkOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
