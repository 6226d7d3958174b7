import type { Digest } from '../../oci/digest.ts'
import type { ManifestMediaType } from '../../oci/media-types.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Reference } from '../../oci/reference.ts'

export interface StoredManifest {
  readonly digest: Digest
  readonly mediaType: ManifestMediaType
  /** Bytes. */
  readonly size: number
  /** The upstream for which it is not known whether the tag still points here; undefined: it does, or need not be known. */
  readonly unconfirmedBy?: string | undefined
}

export interface FoundManifest {
  readonly manifest: StoredManifest
  /** Undefined where they were not asked for, and where only the storage has them. */
  readonly kept: Uint8Array | undefined
}

const MAX_BYTES = 8 * 1024 * 1024
/** What one takes beside its bytes, about. */
const ENTRY_BYTES = 512
/** All of them are forgotten so long after the first, also where no request comes any more. */
const FORGET_AFTER_MS = 5 * 60_000

/** What manifests were just found, each by its name, for as long as the metadata is what it was then. */
export class RememberedManifests {
  readonly #found = new Map<string, FoundManifest>()
  #revision = 0
  #bytes = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  find(revision: number, repository: RepositoryName, reference: Reference): FoundManifest | undefined {
    return revision === this.#revision ? this.#found.get(nameOf(repository, reference)) : undefined
  }

  /** `revision` is that of the metadata before it was asked. When the room is used up it begins anew. */
  keep(revision: number, repository: RepositoryName, reference: Reference, found: FoundManifest): void {
    const bytes = ENTRY_BYTES + (found.kept?.length ?? 0)
    if (revision !== this.#revision || this.#bytes + bytes > MAX_BYTES) {
      this.forgetAll()
      this.#revision = revision
    }
    this.#timer ??= this.#wait()
    this.#found.set(nameOf(repository, reference), found)
    this.#bytes += bytes
  }

  forgetAll(): void {
    this.#found.clear()
    this.#bytes = 0
  }

  #wait(): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      this.#timer = undefined
      this.forgetAll()
    }, FORGET_AFTER_MS)
    timer.unref()
    return timer
  }
}

/** No name contains a space. */
function nameOf(repository: RepositoryName, reference: Reference): string {
  return `${repository} ${reference}`
}
