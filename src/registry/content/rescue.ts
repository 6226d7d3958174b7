import { type Rescued, rescueLink } from '../../metadata/collecting/links.ts'
import { rescueManifest } from '../../metadata/collecting/manifests.ts'
import { BEING_REMOVED, findRepository, type LinkLookup, type ManifestLookup } from '../../metadata/content.ts'
import type { Metadata, Query } from '../../metadata/query.ts'
import { MetadataNotWritableError } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'

/** Is told what was condemned, and stays because a request asked for it or builds on it. */
export type OnRescued = (kind: 'links' | 'manifests', count: number) => void

/**
 * Keeps the promise of a 200: what a client was told is there stays for the collector's window at least (docs/collector.md, The window). What is not
 * condemned cannot be removed sooner, so that nothing is written for it.
 */
export class Rescue {
  readonly #metadata: Metadata
  readonly #onRescued: OnRescued | undefined

  constructor(metadata: Metadata, onRescued: OnRescued | undefined) {
    this.#metadata = metadata
    this.#onRescued = onRescued
  }

  /** Before a client is told that the repository has the blob. False: it is being removed, or has gone meanwhile. */
  link(repository: RepositoryName, digest: Digest, { condemnedMs }: Pick<LinkLookup, 'condemnedMs'>): boolean | Promise<boolean> {
    if (condemnedMs === null) return true
    if (condemnedMs === BEING_REMOVED) return false
    return this.#write(repository, 'links', (query, id) => rescueLink(query, id, digest))
  }

  /** The same for a manifest. One that a delete released stays for as long as requests ask for it within a grace. */
  manifest(
    repository: RepositoryName,
    digest: Digest,
    { condemnedMs, isForgotten }: Pick<ManifestLookup, 'condemnedMs' | 'isForgotten'>,
  ): boolean | Promise<boolean> {
    if (condemnedMs === null && isForgotten !== 1) return true
    if (condemnedMs === BEING_REMOVED) return false
    return this.#write(repository, 'manifests', (query, id) => rescueManifest(query, id, digest))
  }

  async #write(
    repository: RepositoryName,
    kind: 'links' | 'manifests',
    rescue: (query: Query, repositoryId: number) => Promise<Rescued>,
  ): Promise<boolean> {
    try {
      const rescued = await this.#metadata.write(async (query) => {
        const row = await findRepository(query, repository)
        return row === undefined ? 'gone' : await rescue(query, row.id)
      })
      if (rescued === 'rescued') this.#onRescued?.(kind, 1)
      return rescued !== 'gone'
    } catch (error) {
      // Where no row can be written nothing is removed either.
      if (error instanceof MetadataNotWritableError) return true
      throw error
    }
  }
}
