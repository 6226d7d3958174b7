import type { RegistryError } from '../../oci/errors.ts'
import type { Disk, DiskFile } from './disk.ts'

/**
 * A disk that only reads, for a file system that is full or read-only: what would change it throws the refusal. To sync and to clear away
 * are nothing there, since nothing was written.
 */
export function unwritableDisk(disk: Disk, refusal: () => RegistryError): Disk {
  const refuse = async (): Promise<never> => {
    throw refusal()
  }
  const file: DiskFile = {
    write: refuse,
    truncate: refuse,
    size: refuse,
    sync: async () => undefined,
    close: async () => undefined,
  }
  return {
    syncsNames: disk.syncsNames,
    mayRemoveDirectories: false,
    open: async (_, how) => (how === 'modify' ? file : await refuse()),
    makeDirectory: refuse,
    rename: refuse,
    syncDirectory: async () => undefined,
    removeTree: async () => undefined,
    removeEmptyDirectory: refuse,
    readFile: (path) => disk.readFile(path),
    stat: (path) => disk.stat(path),
    list: (path) => disk.list(path),
    // A question about room comes before a write.
    space: refuse,
  }
}
