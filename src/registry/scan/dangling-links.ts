import { setLink } from '../../metadata/changes.ts'
import { findRepository } from '../../metadata/content.ts'
import type { LinkName } from '../../metadata/names.ts'
import type { Metadata } from '../../metadata/query.ts'
import { listKnownLinks } from '../../metadata/scans.ts'
import { ownWork } from '../../observe/actor.ts'
import { DIGEST_ALGORITHMS, type Digest, findDigest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { type StorageDriver, storagePath } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import type { StorageView } from '../heal/storage-view.ts'
import type { Operations } from '../writes/operations.ts'
import { ensureRepositoryStays } from '../writes/repository-row.ts'

export interface DanglingLinksOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly view: StorageView
  readonly operations: Operations
}

/** Layer links whose bytes are not there: what a push leaves that died between the two. Every registry takes them for absent. */
export class DanglingLinks {
  readonly #options: DanglingLinksOptions

  constructor(options: DanglingLinksOptions) {
    this.#options = options
  }

  /**
   * Removes those of one repository, which a scan has just compared: a link whose row has a target has its bytes. A push that is placing the
   * bytes at this moment is waited for.
   */
  async removeFrom(repository: RepositoryName): Promise<void> {
    const whole = await this.#linksWithBytes(repository)
    for (const algorithm of DIGEST_ALGORITHMS) {
      for (const hex of await this.#options.storage.list(storagePath(layout.layers(repository), algorithm))) {
        const digest = findDigest(`${algorithm}:${hex}`)
        if (digest === undefined || whole.has(digest)) continue
        const name = { kind: 'link', repository, digest } as const
        if (await this.#isDangling(name)) await this.#remove(name)
      }
    }
  }

  async #linksWithBytes(repository: RepositoryName): Promise<ReadonlySet<Digest>> {
    const { read } = this.#options.metadata
    const row = await findRepository(read, repository)
    return new Set(row === undefined ? [] : await listKnownLinks(read, row.id))
  }

  /** registry:2 leaves empty directories where it removed a link: those are no links and may stay. */
  async #isDangling(name: LinkName): Promise<boolean> {
    const path = layout.layerLink(name.repository, name.digest)
    if ((await this.#options.storage.stat(path)) === undefined) return false
    return (await this.#options.view.observeLink(name)).found === undefined
  }

  async #remove(name: LinkName): Promise<void> {
    const { repository, digest } = name
    let target: Digest | undefined
    await this.#options.operations.perform({
      name: 'dangling link removal',
      actor: ownWork('scan'),
      plan: async (query, stamp) => ({
        plan: (await ensureRepositoryStays(query, repository, stamp.epoch)).repositoryId,
        claims: [
          { name, alone: true },
          { name: { kind: 'blob', digest }, alone: true },
        ],
      }),
      act: async () => {
        target = (await this.#options.view.observeLink(name)).found?.target
        if (target === undefined) await this.#options.storage.removeOnlyFiles([layout.layerLink(repository, digest)])
      },
      confirm: async (query, repositoryId, stamp) => await setLink(query, repositoryId, digest, target ?? null, stamp),
    })
  }
}
