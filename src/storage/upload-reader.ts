import type { StorageDriver, UploadReader, UploadState } from './driver.ts'

/** Reads an upload by a stream for each part, where a storage keeps nothing open. */
export async function readerByStreams(
  storage: Pick<StorageDriver, 'readUpload'>,
  state: UploadState,
): Promise<UploadReader | undefined> {
  if ((await storage.readUpload(state, 0)) === undefined) return undefined
  return {
    read: async ({ start, end }) => {
      try {
        const part = await storage.readUpload(state, end, start)
        return part && Buffer.concat(await Array.fromAsync(part))
      } catch (error) {
        // Between two of its bytes the upload may have become a file, or may have been dropped.
        if ((await storage.readUpload(state, end, start)) !== undefined) throw error
        return undefined
      }
    },
    size: async () => undefined,
    close: async () => undefined,
  }
}
