import { describe, expect, test } from 'bun:test'
import type { UploadState } from '../driver.ts'
import type { DiskFile } from './disk.ts'
import { DiskSpace } from './disk-space.ts'
import { UploadFile } from './upload-file.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** A file that only counts, and holds each sync back until it is let go. */
class CountingFile implements DiskFile {
  readonly writes: { readonly position: number; readonly bytes: number }[] = []
  syncs = 0
  isClosed = false
  failure: Error | undefined
  /** Syncs wait for this. */
  gate: Promise<void> = Promise.resolve()

  async write(bytes: Uint8Array, position: number): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    this.writes.push({ position, bytes: bytes.length })
  }

  async truncate(): Promise<void> {
    throw new Error('an upload is never cut while it is written')
  }

  async size(): Promise<number> {
    throw new Error('nobody asks while it is written')
  }

  async sync(): Promise<void> {
    this.syncs += 1
    await this.gate
    if (this.failure !== undefined) throw this.failure
  }

  async close(): Promise<void> {
    this.isClosed = true
  }
}

function openUpload(offset = 0) {
  const space = new DiskSpace(async () => ({ freeBytes: 1024 * MIB, totalBytes: 1024 * MIB }))
  const file = new CountingFile()
  return { file, upload: new UploadFile('berth/uploads/x' as UploadState, { file, offset, allowance: space.allowance() }) }
}

async function writeMebibytes(upload: UploadFile, count: number, mayWait?: () => boolean): Promise<void> {
  for (let written = 0; written < count; written += 1) await upload.write(new Uint8Array(MIB), mayWait)
}

describe('the file of an upload', () => {
  test('writes each chunk where the one before it ends', async () => {
    const { file, upload } = openUpload(100)

    await upload.write(new Uint8Array(KIB))
    await upload.write(new Uint8Array(10 * KIB))
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

  test('gives the memory of a chunk back as soon as it is written, but not memory that is shared', async () => {
    const { upload } = openUpload()
    const own = new Uint8Array(KIB)
    const shared = new Uint8Array(2 * KIB)

    await upload.write(own)
    await upload.write(shared.subarray(0, KIB))

    expect(own.buffer.detached).toBe(true)
    expect(shared.buffer.detached).toBe(false)
    await upload.close()
  })

  test('is synced every 64 MiB, so that little is left for the close', async () => {
    const { file, upload } = openUpload(7)

    await writeMebibytes(upload, 200)
    await upload.close()

    expect(file.syncs).toBe(3)
  })

  test('goes on beside one sync, and waits for it before the next', async () => {
    const { file, upload } = openUpload()
    const gate = Promise.withResolvers<void>()
    file.gate = gate.promise
    await writeMebibytes(upload, 127)

    let isTaken = false
    const last = upload.write(new Uint8Array(MIB)).then(() => {
      isTaken = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(isTaken).toBe(false)
    expect(file.syncs).toBe(1)

    gate.resolve()
    await last
    await upload.close()
    expect(file.syncs).toBe(2)
  })

  test('one that may not wait goes on beside a sync of any length, and begins its next one after that', async () => {
    const { file, upload } = openUpload()
    const gate = Promise.withResolvers<void>()
    file.gate = gate.promise

    await writeMebibytes(upload, 200, () => false)
    expect(file.syncs).toBe(1)

    gate.resolve()
    await new Promise((resolve) => setImmediate(resolve))
    await writeMebibytes(upload, 1, () => false)
    expect(file.syncs).toBe(2)
    await upload.close()
  })

  test('a failed write keeps the offset, and is told again at the close, which lets the file go', async () => {
    const { file, upload } = openUpload()
    await upload.write(new Uint8Array(KIB))
    file.failure = new Error('EIO')

    await expect(upload.write(new Uint8Array(1))).rejects.toThrow('EIO')
    expect(upload.offset).toBe(KIB)
    await expect(upload.close()).rejects.toThrow('EIO')
    expect(file.isClosed).toBe(true)
  })

  test('a failed sync is told at the next write, and at the close', async () => {
    const { file, upload } = openUpload()
    const gate = Promise.withResolvers<void>()
    file.gate = gate.promise
    await writeMebibytes(upload, 64)
    file.failure = new Error('EIO')
    gate.resolve()
    await new Promise((resolve) => setImmediate(resolve))
    file.failure = undefined

    await expect(upload.write(new Uint8Array(1))).rejects.toThrow('EIO')
    await expect(upload.close()).rejects.toThrow('EIO')
  })
})
