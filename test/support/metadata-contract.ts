import { afterEach, beforeEach } from 'bun:test'
import { ensureRepository } from '../../src/metadata/changes.ts'
import { type Metadata, nextNumber, type Query, type Stamp } from '../../src/metadata/query.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { parseManifest } from '../../src/oci/manifest.ts'
import { OCI_IMAGE_MANIFEST } from '../../src/oci/media-types.ts'
import { parseRepositoryName, type RepositoryName } from '../../src/oci/name.ts'

/** Metadata over an empty database of its own. */
export interface OpenedForContract {
  readonly metadata: Metadata
  readonly cleanUp: () => Promise<void>
}

export const EPOCH = 7
/** Names as the queries want them. */
export const A = parseRepositoryName('a')
export const B = parseRepositoryName('b')

/** One contract at work: the database under test and the few things that every test does with it. */
export class ContractMetadata implements Metadata {
  #opened: OpenedForContract | undefined

  constructor(open: () => Promise<OpenedForContract>) {
    beforeEach(async () => {
      this.#opened = await open()
    })
    afterEach(async () => {
      await this.#opened?.cleanUp()
    })
  }

  get read(): Query {
    return this.#metadata.read
  }

  revision(): number | Promise<number> {
    return this.#metadata.revision()
  }

  async write<Result>(operation: (query: Query) => Promise<Result>): Promise<Result> {
    return await this.#metadata.write(operation)
  }

  /** A change with the next number, in this epoch unless another is given. Gives the number. */
  async change(operation: (query: Query, stamp: Stamp) => Promise<void>, epoch = EPOCH): Promise<number> {
    return await this.write(async (query) => {
      const stamp = { number: await nextNumber(query), epoch }
      await operation(query, stamp)
      return stamp.number
    })
  }

  async repository(name: RepositoryName, epoch = EPOCH): Promise<number> {
    return await this.write((query) => ensureRepository(query, name, epoch))
  }

  /** Since when a blob is a candidate for the collector; undefined when it has no row. */
  async candidateSince(digest: Digest): Promise<number | undefined> {
    const row = await this.read.get<{ since: number }>('SELECT touched_ms AS since FROM blob WHERE digest = ?', digest)
    return row?.since
  }

  get #metadata(): Metadata {
    if (this.#opened === undefined) throw new Error('no test is running')
    return this.#opened.metadata
  }
}

/** A digest that is told from others by a word. */
export function digest(word: string): Digest {
  return digestOf('sha256', new TextEncoder().encode(word))
}

interface ManifestFields {
  readonly artifactType?: string
  readonly annotations?: Record<string, string>
  readonly subject?: Digest
  /** Makes the manifest that long, at least. */
  readonly padding?: number
}

/** A manifest as it comes from a push: its config and one layer are told from others by a word. */
export function manifestContent(word: string, { padding = 0, subject, ...fields }: ManifestFields = {}) {
  const body = {
    schemaVersion: 2,
    mediaType: OCI_IMAGE_MANIFEST,
    config: { mediaType: 'application/vnd.example.config', digest: digest(`${word} config`), size: 1 },
    layers: [{ mediaType: 'application/vnd.example.layer', digest: digest(`${word} layer`), size: 1 }],
    ...(subject === undefined ? {} : { subject: { mediaType: OCI_IMAGE_MANIFEST, digest: subject, size: 1 } }),
    ...fields,
    padding: 'x'.repeat(padding),
  }
  const bytes = new TextEncoder().encode(JSON.stringify(body))
  return { digest: digestOf('sha256', bytes), bytes, manifest: parseManifest(bytes) }
}
