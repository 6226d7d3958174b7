import { BlobStore, type BlobStoreOptions } from '../content/blob-store.ts'
import { ManifestStore, type ManifestStoreOptions } from '../content/manifest-store.ts'
import { StorageLook } from '../heal/storage-look.ts'
import { StorageView } from '../heal/storage-view.ts'
import { Handover, unlessAway } from './handover.ts'

/** Its stores believe what the storage says, and no row. */
export function createHandover(blobs: BlobStoreOptions, manifests: ManifestStoreOptions): Handover {
  return new Handover((isAway) => {
    const metadata = unlessAway(blobs.metadata, isAway)
    const view = new StorageView(blobs.storage, metadata.read)
    const own = { metadata, view, reconcile: new StorageLook(view) }
    return { blobs: new BlobStore({ ...blobs, ...own }), manifests: new ManifestStore({ ...manifests, ...own }) }
  })
}
