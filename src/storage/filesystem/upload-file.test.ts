import { describe, expect, test } from 'bun:test'
import type { UploadState } from '../driver.ts'
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

  async sync(): Promise<void> {
    this.syncs += 1
  }

  async close(): Promise<void> {
    this.isClosed = true
  }
}

function openUpload(offset = 0) {
  const file = new CountingFile()
  return { file, upload: new UploadFile('berth/uploads/x' as UploadState, file, offset) }
}

describe('the file of an upload', () => {
  test('gathers small chunks into few writes, one after the other', async () => {
    const { file, upload } = openUpload(100)

    for (let chunk = 0; chunk < 1024; chunk += 1) await upload.write(new Uint8Array(KIB))
    await upload.close()

    expect(upload.offset).toBe(100 + MIB)
    expect(file.writes).toEqual([0, 1, 2, 3].map((batch) => ({ position: 100 + batch * 256 * KIB, bytes: 256 * KIB })))
    expect(file.isClosed).toBe(true)
  })

  test('writes the rest at the close, and nothing when there is nothing', async () => {
    const { file, upload } = openUpload()
    await upload.write(new Uint8Array(5))
    expect(file.writes).toEqual([])

    await upload.close()
    expect(file.writes).toEqual([{ position: 0, bytes: 5 }])

    const empty = openUpload()
    await empty.upload.close()
    expect(empty.file.writes).toEqual([])
  })

  test('holds at most two batches in memory: the writer waits for the disk', async () => {
    const { file, upload } = openUpload()
    const gate = Promise.withResolvers<void>()
    file.gate = gate.promise
    await upload.write(new Uint8Array(256 * KIB))

    let isTaken = false
    const second = upload.write(new Uint8Array(256 * KIB)).then(() => {
      isTaken = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(isTaken).toBe(false)

    gate.resolve()
    await second
    await upload.close()
    expect(file.writes).toHaveLength(2)
  })

  test('is synced every 64 MiB, so that little is left for the close', async () => {
    const { file, upload } = openUpload(7)
    const chunk = new Uint8Array(MIB)

    for (let count = 0; count < 200; count += 1) await upload.write(chunk)
    await upload.close()

    expect(file.syncs).toBe(3)
  })

  test('tells of a failed write at the next one, or at the close, which lets the file go', async () => {
    const { file, upload } = openUpload()
    file.failure = new Error('EIO')
    await upload.write(new Uint8Array(256 * KIB))

    await expect(upload.write(new Uint8Array(256 * KIB))).rejects.toThrow('EIO')
    await expect(upload.close()).rejects.toThrow('EIO')
    expect(file.isClosed).toBe(true)
  })
})
