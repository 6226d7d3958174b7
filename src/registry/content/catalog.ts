import { setImmediate } from 'node:timers/promises'
import { findRepository } from '../../metadata/content.ts'
import { holdsContent, holdsManifest, listReferrers, listRepositories, listTags } from '../../metadata/listing.ts'
import { findAnnotationPiece, findAnnotations } from '../../metadata/manifest-content.ts'
import type { Metadata } from '../../metadata/query.ts'
import { listThere } from '../../metadata/search/found.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { justBefore, type NameRange, type ShownNames } from '../../oci/name-ranges.ts'
import { nameUnknown } from '../../oci/unknown.ts'
import type { FewNames } from '../few-names.ts'
import { inSteps, listInRanges } from '../names-in-ranges.ts'
import { Rest } from '../rest.ts'
import type { RepositoryScan } from '../scan/repository-scan.ts'

/** What to list: at most `limit` entries (undefined: all of them) that come after `last` in byte order. */
export interface PageRequest {
  readonly last: string | undefined
  readonly limit: number | undefined
}

export interface Page<Entry> {
  readonly entries: readonly Entry[]
  /** True when something follows the last entry. */
  readonly more: boolean
}

/** A manifest that refers to another one. */
export interface Referrer {
  readonly digest: Digest
  readonly mediaType: string
  readonly size: number
  readonly artifactType: string | undefined
  /** How long its annotations are as text; 0 where there are none. */
  readonly annotationBytes: number
  readonly isInPieces: boolean
}

export interface CatalogOptions {
  readonly metadata: Metadata
  readonly scan: RepositoryScan
  readonly epoch: number
  readonly fewNames: Pick<FewNames, 'of'>
}

const ALL = Number.MAX_SAFE_INTEGER - 1

/** Lists are pages of the database. Each waits until this epoch has seen what it lists: never a part passed off as the whole. */
export class Catalog {
  readonly #metadata: Metadata
  readonly #scan: RepositoryScan
  readonly #epoch: number
  readonly #fewNames: Pick<FewNames, 'of'>

  constructor(options: CatalogOptions) {
    this.#metadata = options.metadata
    this.#scan = options.scan
    this.#epoch = options.epoch
    this.#fewNames = options.fewNames
  }

  /** end-8. Throws NAME_UNKNOWN for a repository without a manifest. `last` need not be a tag that exists. */
  async listTags(repository: RepositoryName, page: PageRequest): Promise<Page<string>> {
    const id = await this.#scan.ensureScanned(repository)
    if (id === undefined) throw nameUnknown(repository)
    const tags = await onePage(page, (after, limit) => listTags(this.#metadata.read, id, after, limit))
    // A tag on a page is a manifest in the repository.
    if (tags.entries.length === 0 && !(await holdsManifest(this.#metadata.read, id))) throw nameUnknown(repository)
    return tags
  }

  /** Whether a blob or a manifest of a repository is here. A repository that has been read before is not read for that. */
  async hasContent(repository: RepositoryName): Promise<boolean> {
    const { read } = this.#metadata
    const known = await findRepository(read, repository)
    if (known !== undefined && (await holdsContent(read, known.id))) return true
    const id = await this.#scan.ensureScanned(repository)
    return id !== undefined && (await holdsContent(read, id))
  }

  /** Repositories that hold a manifest; with `shown`, those of them that fit it. */
  async listRepositories(page: PageRequest, shown?: ShownNames): Promise<Page<string>> {
    await this.#scan.ensureNames()
    const list = (after: string, limit: number) => listRepositories(this.#metadata.read, this.#epoch, after, limit)
    if (shown === undefined) return await onePage(page, list)
    const fits = (name: RepositoryName) => shown.fits(name)
    if (shown.ranges.some(({ pieces }) => pieces !== undefined)) return await onePage(page, this.#withPieces(shown))
    return await onePage(page, shownOf(list, { key: (name) => name, isShown: fits, next: nextIn(shown.ranges) }))
  }

  /** end-12. Empty for an unknown subject or repository. Ordered by digest; `page.last` is a digest. */
  async listReferrers(
    repository: RepositoryName,
    subject: Digest,
    filter: { readonly artifactType: string | undefined },
    page: PageRequest,
  ): Promise<Page<Referrer>> {
    const id = await this.#scan.ensureScanned(repository)
    if (id === undefined) return { entries: [], more: false }
    const { artifactType } = filter
    const list = (after: string, limit: number) => listReferrers(this.#metadata.read, id, subject, { after, limit })
    if (artifactType === undefined) return await onePage(page, list)
    return await onePage(page, shownOf(list, { key: digestOf, isShown: (referrer) => referrer.artifactType === artifactType }))
  }

  /** For rules without a beginning: where many names fit, the database compares all of them. */
  #withPieces(shown: ShownNames): List<string> {
    const { read } = this.#metadata
    return async (after, limit) => {
      const few = await this.#fewNames.of(shown)
      const list = few === undefined ? listInRanges(read, shown.ranges, after) : inSteps(few.filter(({ name }) => name > after))
      const found: string[] = []
      const rest = new Rest()
      for await (const rows of list) {
        const fitting = rows.filter(({ name }) => shown.fits(name))
        const ids = fitting.map(({ id }) => id)
        const there = ids.length === 0 ? undefined : await listThere(read, this.#epoch, ids)
        found.push(...fitting.filter(({ id }) => there?.has(id)).map(({ name }) => name))
        if (found.length >= limit) break
        await rest.after(0)
      }
      return found.slice(0, limit)
    }
  }

  /**
   * The text of a JSON object: the annotations of a manifest on such a list, as texts and bytes. Throws where the manifest has gone
   * meanwhile.
   */
  async *annotationsOf({ digest, isInPieces, annotationBytes }: Referrer): AsyncGenerator<Uint8Array | string> {
    let left = annotationBytes
    for (let number = 0; left > 0; number += 1) {
      const { read } = this.#metadata
      const piece = isInPieces ? await findAnnotationPiece(read, digest, number) : await findAnnotations(read, digest)
      if (piece === undefined) throw new Error('the manifest was deleted while the list of referrers was sent')
      left -= Buffer.byteLength(piece)
      yield piece
    }
  }
}

function digestOf({ digest }: Referrer): string {
  return digest
}

type List<Entry> = (after: string, limit: number) => Promise<readonly Entry[]>

/** At most so many entries are looked at between two looks of the event loop at others. */
const FILTER_STEP = 1000

interface Filter<Entry> {
  /** By what the list is ordered. */
  readonly key: (entry: Entry) => string
  readonly isShown: (entry: Entry) => boolean
  /** Where the list goes on behind an entry, if that is not the one that follows; undefined: nothing behind it is shown. Left out: it goes on there. */
  readonly next?: (last: string) => string | undefined
}

/** Names outside of the ranges are passed over. */
function nextIn(ranges: readonly NameRange[]): (last: string) => string | undefined {
  return (last) => {
    const range = ranges.find(({ below }) => below > last)
    if (range === undefined) return undefined
    const start = justBefore(range.from)
    return last > start ? last : start
  }
}

/** The same list without what is not shown: it is read on until the page is full. */
function shownOf<Entry>(list: List<Entry>, { key, isShown, next = (last) => last }: Filter<Entry>): List<Entry> {
  return async (after, limit) => {
    const shown: Entry[] = []
    // Most of what is looked at is shown to most callers: a short page looks at few.
    for (let last = next(after), step = Math.min(FILTER_STEP, limit); ; step = Math.min(FILTER_STEP, 4 * step)) {
      if (last === undefined) return shown
      const entries = await list(last, step)
      shown.push(...entries.filter(isShown))
      const end = entries.at(-1)
      if (shown.length >= limit || entries.length < step || end === undefined) return shown.slice(0, limit)
      last = next(key(end))
      await setImmediate()
    }
  }
}

/** Asks for one entry more than the page shows: whether it is there is whether something follows. */
async function onePage<Entry>({ last, limit = ALL }: PageRequest, list: List<Entry>): Promise<Page<Entry>> {
  const entries = await list(last ?? '', limit + 1)
  return { entries: entries.slice(0, limit), more: entries.length > limit }
}
