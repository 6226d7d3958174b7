import type { Metadata } from '../../metadata/query.ts'
import {
  listImagesOf,
  listNamesOf,
  type StorageUse,
  type UseSlice,
  useOfBlobs,
  useOfLinks,
  useOfManifests,
  useOfNames,
  type WholeUse,
} from '../../metadata/shown/storage-use.ts'
import type { Digest } from '../../oci/digest.ts'
import { RegistryError, unavailable } from '../../oci/errors.ts'
import { Semaphore } from '../../runtime/semaphore.ts'
import { Rest } from '../rest.ts'

/** What was counted is given again for so long, and as long as nothing has been written meanwhile. */
const KEPT_MS = 10_000
/** A million blobs take a third of a second. */
const WHOLE_KEPT_MS = 60_000
/** Repositories whose count is kept, about 150 bytes each. */
const MOST_KEPT = 10_000
const MOST_WAITING = 100
const IMAGES_AT_ONCE = 50
const NAMES_AT_ONCE = 200
/** What an image index and its images name. */
const MOST_NAMES = 20_000

interface KeptUse {
  readonly use: StorageUse
  /** Everything had been scanned: what others need is in it. */
  readonly isComplete: boolean
  readonly revision: number
  readonly untilMs: number
}

export interface Counting {
  readonly repositoryId: number
  /** Everything has been scanned. */
  readonly isComplete: boolean
  readonly signal: AbortSignal
}

/** How many bytes repositories and images need, and how many of these nothing else needs. */
export class StorageUses {
  readonly #metadata: Metadata
  readonly #kept = new Map<number, KeptUse>()
  readonly #turns = new Semaphore(1)
  #whole: { readonly use: WholeUse; readonly revision: number; readonly untilMs: number } | undefined

  constructor(metadata: Metadata) {
    this.#metadata = metadata
  }

  /** One repository of a process at a time: it may have many layers. Throws UNAVAILABLE where too many requests wait, and the reason of the signal. */
  async ofRepository({ repositoryId, isComplete, signal }: Counting): Promise<StorageUse> {
    const known = await this.#find(repositoryId, isComplete)
    if (known !== undefined) return known
    if (this.#turns.waiting >= MOST_WAITING) throw unavailable('Too many repositories are being counted; ask again in a moment.')
    return await this.#turns.run(async () => {
      return (await this.#find(repositoryId, isComplete)) ?? (await this.#count({ repositoryId, isComplete, signal }))
    })
  }

  /** Of all repositories, once everything has been scanned. Throws UNAVAILABLE where too many requests wait, and the reason of the signal. */
  async ofAll(signal: AbortSignal): Promise<WholeUse> {
    if (this.#turns.waiting >= MOST_WAITING) throw unavailable('Too many repositories are being counted; ask again in a moment.')
    return await this.#turns.run(async () => {
      const known = this.#whole
      const revision = await this.#metadata.revision()
      if (known !== undefined && (known.untilMs > performance.now() || known.revision === revision)) return known.use
      const use = await this.#countAll(signal)
      this.#whole = { use, revision, untilMs: performance.now() + WHOLE_KEPT_MS }
      return use
    })
  }

  /** With the images of an image index. Throws UNSUPPORTED where these name too much to be counted for a request. */
  async ofImage(repositoryId: number, digest: Digest): Promise<StorageUse> {
    const { read } = this.#metadata
    const images = await listImagesOf(read, repositoryId, digest)
    const all = new Set<Digest>(images)
    const rest = new Rest()
    for (let start = 0; start < images.length; start += IMAGES_AT_ONCE) {
      const some = images.slice(start, start + IMAGES_AT_ONCE)
      for (const name of await listNamesOf(read, repositoryId, some, MOST_NAMES + 1)) all.add(name)
      if (all.size > MOST_NAMES) throw tooMuch()
      await rest.after(0)
    }
    const use = { bytes: 0, own: 0 }
    const names = [...all]
    for (let start = 0; start < names.length; start += NAMES_AT_ONCE) {
      const found = await useOfNames(read, repositoryId, { names: names.slice(start, start + NAMES_AT_ONCE), images })
      use.bytes += found.bytes
      use.own += found.own
      await rest.after(0)
    }
    return use
  }

  async #countAll(signal: AbortSignal): Promise<WholeUse> {
    const use = { blobs: 0, bytes: 0, leavingBytes: 0 }
    const rest = new Rest()
    for (let after: string | null = ''; after !== null; ) {
      signal.throwIfAborted()
      const { blobs, bytes, leavingBytes, next } = await useOfBlobs(this.#metadata.read, after)
      use.blobs += blobs
      use.bytes += bytes
      use.leavingBytes += leavingBytes
      after = next
      await rest.after(0)
    }
    return use
  }

  async #find(repositoryId: number, isComplete: boolean): Promise<StorageUse | undefined> {
    const kept = this.#kept.get(repositoryId)
    if (kept === undefined || kept.isComplete !== isComplete) return undefined
    return kept.untilMs > performance.now() || kept.revision === (await this.#metadata.revision()) ? kept.use : undefined
  }

  async #count({ repositoryId, isComplete, signal }: Counting): Promise<StorageUse> {
    const revision = await this.#metadata.revision()
    let [bytes, own] = [0, 0]
    const rest = new Rest()
    for (const slice of [useOfLinks, useOfManifests]) {
      for (let next: string | null = ''; next !== null; ) {
        signal.throwIfAborted()
        const found: UseSlice = await slice(this.#metadata.read, repositoryId, next)
        bytes += found.bytes
        own += found.own
        next = found.next
        await rest.after(0)
      }
    }
    const use = { bytes, own }
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear()
    this.#kept.set(repositoryId, { use, isComplete, revision, untilMs: performance.now() + KEPT_MS })
    return use
  }
}

function tooMuch(): RegistryError {
  return new RegistryError('UNSUPPORTED', {
    message: `The images of the image index name more than ${MOST_NAMES} layers, which are not counted; ask for one of its images.`,
  })
}
