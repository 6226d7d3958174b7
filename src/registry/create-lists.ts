import type { Metadata } from '../metadata/query.ts'
import { Catalog } from './content/catalog.ts'
import { FewNames } from './few-names.ts'
import type { RepositoryScan } from './scan/repository-scan.ts'
import { Search } from './search/search.ts'
import { SearchIndex } from './search/search-index.ts'

interface ListsOptions {
  readonly metadata: Metadata
  readonly scan: RepositoryScan
  readonly epoch: number
}

/** What lists and finds repositories: both keep the few names that a caller may see together. */
export function createLists({ metadata, scan, epoch }: ListsOptions) {
  const searchIndex = new SearchIndex(metadata)
  const parts = { metadata, scan, epoch, fewNames: new FewNames(metadata.read) }
  return { catalog: new Catalog(parts), search: new Search({ ...parts, index: searchIndex }), searchIndex }
}
