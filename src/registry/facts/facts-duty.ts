import { setImmediate } from 'node:timers/promises'
import { findManifestBytes } from '../../metadata/content.ts'
import { listUnread, listWaiting, setFacts, setNoFacts } from '../../metadata/facts/image-facts.ts'
import type { Metadata, Query } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import { MAX_MANIFEST_BYTES, parseStoredManifest } from '../../oci/manifest.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { FileTooLargeError } from '../../storage/storage-errors.ts'
import { Portion } from '../portion.ts'
import { Rest } from '../rest.ts'
import type { FactsReader, ReadFacts } from './facts-reader.ts'

/** One transaction writes the facts of no more. */
const MOST_AT_ONCE = 50
/** Rows of manifests whose config has not come yet, which are looked at together. */
const WAITING_AT_ONCE = 500

export interface FactsDutyOptions {
  readonly storage: Pick<StorageDriver, 'readSmall' | 'capabilities'>
  readonly metadata: Metadata
  readonly reader: Pick<FactsReader, 'read'>
}

/** Reads the facts of what no push of this Berth brought: of storage that was there before, of what a scan found, and of large configs. */
export class FactsDuty {
  readonly #options: FactsDutyOptions

  constructor(options: FactsDutyOptions) {
    this.#options = options
  }

  /** Ends early when the signal aborts; the next run goes on. Throws the first error, after all others have been read. */
  async run(signal: AbortSignal): Promise<void> {
    const portion = new Portion({ most: MOST_AT_ONCE })
    const failures = [...(await this.#readUnread(portion, signal)), ...(await this.#readWaiting(portion, signal))]
    if (failures.length > 0) throw failures[0]
  }

  async #readUnread(portion: Portion, signal: AbortSignal): Promise<readonly unknown[]> {
    const failures: unknown[] = []
    for (let last = ''; !signal.aborted; ) {
      const atOnce = portion.size
      const digests = await listUnread(this.#options.metadata.read, last, atOnce)
      failures.push(...(await this.#readAll(digests, portion)))
      if (digests.length < atOnce) break
      last = digests.at(-1) ?? last
    }
    return failures.slice(0, 1)
  }

  /** What comes from another registry has its config when a client asks for it. */
  async #readWaiting(portion: Portion, signal: AbortSignal): Promise<readonly unknown[]> {
    const failures: unknown[] = []
    for (let last = ''; !signal.aborted; ) {
      const rows = await listWaiting(this.#options.metadata.read, last, WAITING_AT_ONCE)
      const come = rows.filter(({ configIsThere }) => configIsThere === 1).map(({ digest }) => digest)
      for (let start = 0; start < come.length; ) {
        const some = come.slice(start, start + portion.size)
        failures.push(...(await this.#readAll(some, portion)))
        start += some.length
      }
      if (rows.length < WAITING_AT_ONCE) break
      last = rows.at(-1)?.digest ?? last
      await setImmediate()
    }
    return failures.slice(0, 1)
  }

  /** Gives what could not be read: the storage did not answer. */
  async #readAll(digests: readonly Digest[], portion: Portion): Promise<readonly unknown[]> {
    if (digests.length === 0) return []
    const { metadata, storage } = this.#options
    const sideBySide = Math.max(8, storage.capabilities.questionsAtOnce)
    const read: { readonly digest: Digest; readonly found: ReadFacts | undefined }[] = []
    const failures: unknown[] = []
    const rest = new Rest()
    for (let start = 0; start < digests.length; start += sideBySide) {
      const looks = digests.slice(start, start + sideBySide).map(async (digest) => {
        try {
          read.push({ digest, found: await this.#factsOf(digest, rest) })
        } catch (error) {
          failures.push(error)
        }
      })
      await Promise.all(looks)
    }
    const write = async (query: Query) => {
      for (const { digest, found } of read) {
        if (found === undefined) await setNoFacts(query, digest)
        else await setFacts(query, digest, found.facts, found.state)
      }
    }
    await portion.write(metadata, write, digests.length)
    return failures
  }

  /** Undefined where the bytes of the manifest are missing or damaged. */
  async #factsOf(digest: Digest, rest: Rest): Promise<ReadFacts | undefined> {
    const bytes = (await findManifestBytes(this.#options.metadata.read, digest)) ?? (await this.#bytesInStorage(digest))
    await rest.after(bytes?.length ?? 0)
    const manifest = bytes && parseStoredManifest(bytes)
    return manifest && (await this.#options.reader.read(manifest))
  }

  async #bytesInStorage(digest: Digest): Promise<Uint8Array | undefined> {
    try {
      return await this.#options.storage.readSmall(layout.blob(digest), MAX_MANIFEST_BYTES)
    } catch (error) {
      if (error instanceof FileTooLargeError) return undefined
      throw error
    }
  }
}
