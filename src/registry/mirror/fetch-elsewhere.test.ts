import { expect, test } from 'bun:test'
import { digestOf } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import type { UploadState } from '../../storage/driver.ts'
import { ArrivingBlob } from './arriving-blob.ts'
import { FetchElsewhere } from './fetch-elsewhere.ts'

const NAME = { repository: parseRepositoryName('hub/app'), digest: digestOf('sha256', new Uint8Array()) }
const DECLARED_BYTES = 10
const LOOKS = 100

test('a file of another process is looked at more often until its first bytes have come, and not for ever', async () => {
  const empty = await pausesFor(() => 0)
  const begun = await pausesFor(() => 1)
  const beginning = await pausesFor((look) => (look < 5 ? 0 : 1))

  expect(begun).toEqual(Array(LOOKS).fill(10))
  expect(beginning).toEqual([...Array(5).fill(2), ...Array(LOOKS - 5).fill(10)])
  expect(empty).toEqual([...Array(50).fill(2), ...Array(LOOKS - 50).fill(10)])
})

/** How long it waits after each look, at a file that has so many bytes then. */
async function pausesFor(bytesAt: (look: number) => number): Promise<readonly number[]> {
  const pauses: number[] = []
  const pause = async (ms: number) => {
    if (pauses.push(ms) === LOOKS) throw new Error('that was enough')
  }
  const file = {
    read: () => Promise.reject(new Error('no client reads')),
    size: async () => bytesAt(pauses.length),
    close: async () => undefined,
  }
  const storage = { openUpload: async () => file }
  const blobs = { find: async () => undefined, content: () => Promise.reject(new Error('no place')) }
  const row = { process: 'other', epoch: 1, state: 'berth/uploads/1' as UploadState, bytesId: 'bytes', size: DECLARED_BYTES }
  const rows = { find: async () => row, isAlive: async () => true }
  const arriving = new ArrivingBlob({ digest: NAME.digest, storage, blobs })
  const { signal } = new AbortController()
  const elsewhere = new FetchElsewhere(NAME, arriving, { rows, storage, blobs, space: undefined, signal, pause })

  await expect(elsewhere.follow()).rejects.toThrow('that was enough')
  return pauses
}
