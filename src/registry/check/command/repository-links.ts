import { algorithmOf, type Digest, findDigest } from '../../../oci/digest.ts'
import type { StorageDriver, StoragePath } from '../../../storage/driver.ts'
import { MAX_LINK_BYTES } from '../../../storage/layout.ts'
import { FileTooLargeError } from '../../../storage/storage-errors.ts'

/** The digest in a link file, or undefined when the file holds no digest. */
export type LinkFile = { readonly says: Digest | undefined }

/** Undefined when nothing is there. A directory in the place of the file is a link that says nothing. */
export async function readLinkFile(
  storage: Pick<StorageDriver, 'readSmall' | 'stat'>,
  path: StoragePath,
): Promise<LinkFile | undefined> {
  try {
    const bytes = await storage.readSmall(path, MAX_LINK_BYTES)
    if (bytes !== undefined) return { says: findDigest(new TextDecoder().decode(bytes)) }
    return (await storage.stat(path)) === undefined ? undefined : { says: undefined }
  } catch (error) {
    if (error instanceof FileTooLargeError) return { says: undefined }
    throw error
  }
}

/** registry:2 links the same bytes under a second digest when they were pushed with a sha512. */
export function mayBeAlias(digest: Digest, says: Digest): boolean {
  return algorithmOf(digest) === 'sha512' && algorithmOf(says) === 'sha256'
}
