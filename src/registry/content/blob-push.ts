import type { Query } from '../../metadata/query.ts'
import { deleteUpload, type EndedUpload } from '../../metadata/uploads.ts'
import type { Actor } from '../../observe/actor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { StorageDriver, UploadState } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { blobEvent } from '../events/content-event.ts'
import type { EventLog } from '../events/event-log.ts'
import type { Added } from '../quotas/quotas.ts'
import type { Operations } from '../writes/operations.ts'
import { confirmBlob, linkPlacements, planBlob } from './blob-store.ts'

/** Bytes that were hashed as they came and are ready to become a blob. */
export interface UploadedBlob {
  readonly digest: Digest
  readonly size: number
  readonly state: UploadState
  /** The session that ends with it, if there is one. */
  readonly uploadId: string | undefined
  readonly actor: Actor
}

export interface BlobPushOptions {
  readonly storage: StorageDriver
  readonly operations: Operations
  readonly quotas: BlobQuotas
  /** Undefined: nothing listens to what is pushed. */
  readonly events: EventLog | undefined
}

/** Is told in the plan what comes into a repository. Throws QuotaReached. */
export interface BlobQuotas {
  /** Nothing that is pushed is counted, in whatever repository. */
  readonly countNothing: boolean
  admit(query: Query, repositoryId: number, added: Added): Promise<unknown>
}

/** The last step of every upload: bytes and link to their places, side by side, then the rows (docs/orders-of-writing.md, Blob push). */
export class BlobPush {
  readonly #storage: StorageDriver
  readonly #operations: Operations
  readonly #quotas: BlobQuotas
  readonly #events: EventLog | undefined

  constructor(options: BlobPushOptions) {
    this.#storage = options.storage
    this.#operations = options.operations
    this.#quotas = options.quotas
    this.#events = options.events
  }

  /**
   * Gives what the session named at its end; undefined without a session, or when it had ended before. Throws UploadGoneError when the
   * bytes are neither in the upload nor in their place, and QuotaReached.
   */
  async complete(repository: RepositoryName, upload: UploadedBlob): Promise<EndedUpload | undefined> {
    const { digest, size, state, uploadId, actor } = upload
    const blob = { digest, size, target: digest }
    return await this.#operations.perform({
      name: 'blob push',
      actor,
      within: this.#quotas.countNothing ? repository : undefined,
      plan: async (query, stamp) => {
        const planned = await planBlob(query, stamp, repository, blob)
        await this.#quotas.admit(query, planned.plan.repositoryId, { repository, digest, size })
        return planned
      },
      act: async ({ isLive, anew }) => {
        const bytes = this.#storage.completeUpload(state, layout.blob(digest), size, { isUnknown: !isLive })
        const link = this.#storage.place(linkPlacements(repository, blob), { anew })
        const [placedBytes, placedLink] = await Promise.allSettled([bytes, link])
        for (const placed of [placedBytes, placedLink]) if (placed.status === 'rejected') throw placed.reason
      },
      confirm: async (query, plan, stamp) => {
        await confirmBlob(query, plan, blob, stamp)
        const ended = uploadId === undefined ? undefined : await deleteUpload(query, uploadId)
        // Last: where transactions run side by side, those that tell of something wait here for each other's commits.
        await this.#events?.record(query, [blobEvent('push', repository, blob)], { actor, stamp })
        return ended
      },
    })
  }
}
