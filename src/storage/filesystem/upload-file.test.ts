import { describe, expect, test } from 'bun:test'
import type { UploadState } from '../driver.ts'
import { ByteBudget } from './byte-budget.ts'
import type { DiskFile } from './disk.ts'
import { UploadFile } from './upload-file.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** A file that only counts, and holds each write back until it is let go. */
class CountingFile implements DiskFile {
  readonly writes: { readonly position: number; readonly bytes: number }[] = []
  syncs = 0
  isClosed = false
  failure: Error | undefined
  /** Writes wait for this. */
  gate: Promise<void> = Promise.resolve()

  async write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    await this.gate
    if (this.failure !== undefined) throw this.failure
    this.writes.push({ position, bytes: chunks.reduce((total, chunk) => total + chunk.length, 0) })
  }

  async truncate(): Promise<void> {
    throw new Error('an upload is never cut while it is written')
  }

  async size(): Promise<number> {
    throw new Error('nobody asks while it is written')
  }

  async sync(): Promise<void> {
    this.syncs += 1
  }

  async close(): Promise<void> {
    this.isClosed = true
  }
}

const BUDGET_BYTES = 512 * KIB

function openUpload(offset = 0) {
  const file = new CountingFile()
  return { file, upload: new UploadFile('berth/uploads/x' as UploadState, file, offset, new ByteBudget(BUDGET_BYTES)) }
}

describe('the file of an upload', () => {
  test('writes what arrived during one write as the next, one after the other', async () => {
    const { file, upload } = openUpload(100)
    const gate = Promise.withResolvers<void>()
    file.gate = gate.promise

    await upload.write(new Uint8Array(KIB))
    for (let chunk = 0; chunk < 10; chunk += 1) await upload.write(new Uint8Array(KIB))
    gate.resolve()
    await upload.close()

    expect(upload.offset).toBe(100 + 11 * KIB)
    expect(file.writes).toEqual([
      { position: 100, bytes: KIB },
      { position: 100 + KIB, bytes: 10 * KIB },
    ])
    expect(file.isClosed).toBe(true)
  })

  test('writes nothing when there is nothing', async () => {
    const { file, upload } = openUpload()

    await upload.close()

    expect(file.writes).toEqual([])
    expect(file.isClosed).toBe(true)
  })

  test('waits for the disk when the bytes in memory are more than the budget', async () => {
    const { file, upload } = openUpload()
    const gate = Promise.withResolvers<void>()
    file.gate = gate.promise
    await upload.write(new Uint8Array(BUDGET_BYTES))

    let isTaken = false
    const second = upload.write(new Uint8Array(1)).then(() => {
      isTaken = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(isTaken).toBe(false)

    gate.resolve()
    await second
    await upload.close()
    expect(file.writes).toHaveLength(2)
  })

  test('gives the memory of a chunk back as soon as it is written, but not memory that is shared', async () => {
    const { upload } = openUpload()
    const own = new Uint8Array(KIB)
    const shared = new Uint8Array(2 * KIB)

    await upload.write(own)
    await upload.write(shared.subarray(0, KIB))
    await upload.close()

    expect(own.buffer.detached).toBe(true)
    expect(shared.buffer.detached).toBe(false)
  })

  test('is synced every 64 MiB, so that little is left for the close', async () => {
    const { file, upload } = openUpload(7)

    for (let count = 0; count < 200; count += 1) await upload.write(new Uint8Array(MIB))
    await upload.close()

    expect(file.syncs).toBe(3)
  })

  test('tells of a failed write at the next one, or at the close, which lets the file go', async () => {
    const { file, upload } = openUpload()
    file.failure = new Error('EIO')
    await upload.write(new Uint8Array(BUDGET_BYTES + 1))

    await expect(upload.write(new Uint8Array(1))).rejects.toThrow('EIO')
    await expect(upload.close()).rejects.toThrow('EIO')
    expect(file.isClosed).toBe(true)
  })
})
