import type { Metadata } from '../../metadata/query.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import type { ManifestStore } from '../content/manifest-store.ts'
import { createInside } from '../inside/create-inside.ts'
import type { InsideImages } from '../inside/inside-images.ts'
import { PullCounts } from '../pulls/pull-counts.ts'
import { Remarks } from '../remarks/remarks.ts'
import type { BackgroundScan } from '../scan/background-scan.ts'
import type { RepositoryScan } from '../scan/repository-scan.ts'
import { ImageContentsReader } from '../search/image-contents.ts'
import { Images } from '../search/images.ts'
import { MeantImages } from '../search/meant-images.ts'
import { Activities } from './activities.ts'
import { Comparisons } from './comparison.ts'
import { Holders } from './holders.ts'
import { KeptOrders } from './kept-orders.ts'
import { OrderedTags } from './ordered-tags.ts'
import { PulledTags } from './pulled-tags.ts'
import { Repositories } from './repositories.ts'
import { StorageUses } from './storage-uses.ts'
import { TagPages } from './tag-pages.ts'
import { TagUses } from './tag-uses.ts'

/** What people ask of a registry beside its content: answered from the metadata. */
export interface Shown {
  readonly repositories: Pick<Repositories, 'of' | 'require' | 'useOf' | 'useOfImage'>
  readonly tags: Pick<TagPages, 'page' | 'find' | 'leadingTo' | 'attachedTo'>
  readonly uses: Pick<StorageUses, 'ofAll'>
  readonly tagUses: Pick<TagUses, 'page'>
  readonly contents: Pick<ImageContentsReader, 'of'>
  readonly comparisons: Pick<Comparisons, 'of'>
  readonly activities: Pick<Activities, 'page' | 'repositories'>
  readonly holders: Pick<Holders, 'of'>
  readonly pulls: Pick<PullCounts, 'of'>
  readonly inside: Pick<
    InsideImages,
    'of' | 'baseOf' | 'packages' | 'files' | 'file' | 'compare' | 'sbom' | 'having' | 'withFile' | 'isRead'
  >
}

export interface ShownParts {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly scan: RepositoryScan
  readonly backgroundScan: BackgroundScan
  readonly manifests: Pick<ManifestStore, 'get'>
  readonly epoch: number
  readonly readersWait?: (() => boolean) | undefined
  readonly isServing?: (() => boolean) | undefined
  /** Whether layers are read in the background. */
  readonly readsLayers?: boolean | undefined
}

/** What answers such questions, put together. */
export function createShown(parts: ShownParts) {
  const { storage, metadata, epoch, manifests, scan, backgroundScan } = parts
  const images = new Images({ metadata, manifests })
  const remarks = new Remarks({ storage, metadata, epoch })
  const pulls = new PullCounts(metadata)
  const ordered = new OrderedTags({ metadata, pulls })
  const orders = new KeptOrders({ metadata, backgroundScan })
  const uses = new StorageUses(metadata)
  const contents = new ImageContentsReader({ storage, metadata })
  const meant = new MeantImages({ images, contents })
  const { inside, insideDuty } = createInside({ ...parts, meant, contents })
  const repositories = new Repositories({ metadata, scan, backgroundScan, ordered, orders, uses, pulls, remarks })
  const tags = new TagPages({ metadata, scan, ordered, orders, pulled: new PulledTags({ metadata, orders }), pulls })
  const shown: Shown = {
    ...{ repositories, tags, contents, pulls, inside, uses },
    tagUses: new TagUses({ metadata, repositories }),
    comparisons: new Comparisons(meant),
    activities: new Activities(metadata),
    holders: new Holders(metadata),
  }
  return { images, remarks, shown, orders, insideDuty }
}
