import type { FactState } from '../../metadata/facts/image-facts.ts'
import type { Log } from '../../observe/log.ts'
import { findImageConfig, type ImageConfig, MAX_CONFIG_BYTES } from '../../oci/image/image-config.ts'
import { configOf, factsOf, type ImageFacts } from '../../oci/image/image-facts.ts'
import type { Manifest } from '../../oci/manifest.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { FileTooLargeError } from '../../storage/storage-errors.ts'

/** A push waits for the parser of no larger one: the background reads it. Most have 2 to 20 KiB. */
const MAX_AT_PUSH_BYTES = 256 * 1024

export interface ReadFacts {
  readonly facts: ImageFacts
  readonly state: FactState
}

/** Reads what is told of an image: its manifest is known, its config lies in the storage. */
export class FactsReader {
  readonly #storage: Pick<StorageDriver, 'readSmall'>
  readonly #log: Log

  constructor({ storage, log }: { readonly storage: Pick<StorageDriver, 'readSmall'>; readonly log: Log }) {
    this.#storage = storage
    this.#log = log
  }

  /** For a push, which never fails for its facts: undefined where the background is to read them. */
  async ofPush(manifest: Manifest): Promise<ImageFacts | undefined> {
    try {
      const found = await this.#configOf(manifest, MAX_AT_PUSH_BYTES)
      return found === 'absent' || found === 'too large' ? undefined : factsOf(manifest, found)
    } catch (error) {
      this.#log.warn('the config of a pushed image was not read, it is tried again', { error })
      return undefined
    }
  }

  /** Throws when the storage cannot be read. A config that is too large, or none, leaves what the manifest says. */
  async read(manifest: Manifest): Promise<ReadFacts> {
    const found = await this.#configOf(manifest, MAX_CONFIG_BYTES)
    if (found === 'absent') return { facts: factsOf(manifest, undefined), state: 'waits for its config' }
    return { facts: factsOf(manifest, found === 'too large' ? undefined : found), state: 'read' }
  }

  /** Undefined where it has none that can be read. */
  async #configOf(manifest: Manifest, maxBytes: number): Promise<ImageConfig | undefined | 'absent' | 'too large'> {
    const descriptor = configOf(manifest)
    if (descriptor === undefined) return undefined
    try {
      const bytes = await this.#storage.readSmall(layout.blob(descriptor.digest), maxBytes)
      return bytes === undefined ? 'absent' : findImageConfig(bytes)
    } catch (error) {
      if (error instanceof FileTooLargeError) return 'too large'
      throw error
    }
  }
}
