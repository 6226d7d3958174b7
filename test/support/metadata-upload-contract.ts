import { describe, expect, test } from 'bun:test'
import {
  deleteUpload,
  findUpload,
  insertUpload,
  isUploadState,
  listAbandonedUploads,
  recordProgress,
  setUploadWriter,
} from '../../src/metadata/uploads.ts'
import { A, B, ContractMetadata, digest, EPOCH, type OpenedForContract } from './metadata-contract.ts'

/** What every metadata database promises about uploads. */
export function describeMetadataUploads(name: string, open: () => Promise<OpenedForContract>): void {
  describe(`${name}: uploads`, () => {
    const metadata = new ContractMetadata(open)
    const progress = { byteOffset: 5, digest: digest('hello'), state: 'file', writer: null, epoch: EPOCH }

    async function begin(id = 'u'): Promise<void> {
      await metadata.write((query) => insertUpload(query, { id, repository: A, algorithm: 'sha512' }))
    }

    test('begin empty, and belong to one repository', async () => {
      await begin()

      expect(await findUpload(metadata.read, A, 'u')).toEqual({
        id: 'u',
        repository: A,
        algorithm: 'sha512',
        byteOffset: 0,
        digest: null,
        state: null,
        writer: null,
        epoch: 0,
      })
      expect(await findUpload(metadata.read, B, 'u')).toBeUndefined()
      expect(await findUpload(metadata.read, A, 'v')).toBeUndefined()
    })

    test('take progress from the one request that may write', async () => {
      await begin()
      await metadata.write((query) => setUploadWriter(query, 'u', 'first'))
      await metadata.write((query) => setUploadWriter(query, 'u', 'second'))

      expect(await metadata.write((query) => recordProgress(query, 'u', 'first', progress))).toBe(false)
      expect(await findUpload(metadata.read, A, 'u')).toMatchObject({ byteOffset: 0, writer: 'second' })

      expect(await metadata.write((query) => recordProgress(query, 'u', 'second', progress))).toBe(true)
      expect(await findUpload(metadata.read, A, 'u')).toMatchObject({ ...progress, writer: null })
      expect(await metadata.write((query) => recordProgress(query, 'u', 'second', progress))).toBe(false)
      expect(await isUploadState(metadata.read, 'file')).toBe(true)
    })

    test('take nothing once they have ended', async () => {
      await begin()
      await metadata.write((query) => setUploadWriter(query, 'u', 'w'))

      await metadata.write((query) => deleteUpload(query, 'u'))

      expect(await metadata.write((query) => recordProgress(query, 'u', 'w', progress))).toBe(false)
      expect(await findUpload(metadata.read, A, 'u')).toBeUndefined()
      expect(await isUploadState(metadata.read, 'file')).toBe(false)
    })

    test('are abandoned when nobody has touched them', async () => {
      for (const id of ['u', 'v', 'w']) await begin(id)
      await metadata.write((query) => query.run('UPDATE upload SET changed_at_ms = 5'))
      await metadata.write((query) => setUploadWriter(query, 'v', 'w'))

      const abandoned = await listAbandonedUploads(metadata.read, 6, 9)
      expect(abandoned.map(({ id }) => id).sort()).toEqual(['u', 'w'])
      expect(await listAbandonedUploads(metadata.read, 5, 9)).toEqual([])
      expect(await listAbandonedUploads(metadata.read, 6, 1)).toHaveLength(1)
    })
  })
}
