import { isOpaque } from '../../metadata/collecting/links.ts'
import { findManifest, findRepository } from '../../metadata/content.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { isDigest, type Reference } from '../../oci/reference.ts'
import { type FreedWhen, freedAfterMs } from './freed-when.ts'
import { ImageClosure } from './image-closure.ts'
import { Questions, TooMuch } from './questions.ts'

/** Three for each layer, and some for each manifest: enough for an index of a few platforms. */
const QUESTIONS_AT_MOST = 500

export interface Freed {
  readonly bytes: number
  /** How long after the delete they are free; undefined where there are none, or no collector runs. */
  readonly afterMs: number | undefined
}

export interface FreesOptions {
  readonly metadata: Metadata
  readonly epoch: number
  readonly policy: FreedWhen
}

/** What a client's delete frees, told with its answer: an estimate, and only where it is cheap. */
export class Frees {
  readonly #options: FreesOptions

  constructor(options: FreesOptions) {
    this.#options = options
  }

  /** To be asked before the delete. Undefined where the repository has not been seen in this epoch, or the manifest leads to too much. */
  async of(repository: RepositoryName, reference: Reference): Promise<Freed | undefined> {
    // A tag goes alone.
    if (!isDigest(reference)) return { bytes: 0, afterMs: undefined }
    try {
      return await this.#ofManifest(repository, reference)
    } catch (error) {
      if (error instanceof TooMuch) return undefined
      throw error
    }
  }

  async #ofManifest(repository: RepositoryName, digest: Digest): Promise<Freed | undefined> {
    const { metadata, epoch, policy } = this.#options
    const questions = new Questions(metadata.read, { signal: new AbortController().signal, atMost: QUESTIONS_AT_MOST })
    const row = await questions.ask((query) => findRepository(query, repository))
    if (row?.scannedEpoch !== epoch) return undefined
    if ((await questions.ask((query) => findManifest(query, row.id, digest)))?.held !== 1) return undefined
    if (await questions.ask((query) => isOpaque(query, row.id))) return { bytes: 0, afterMs: undefined }
    const closure = await ImageClosure.of(questions, row.id, digest)
    const bytes = await closure.bytes()
    return { bytes, afterMs: bytes === 0 ? undefined : freedAfterMs(policy, closure.steps) }
  }
}
