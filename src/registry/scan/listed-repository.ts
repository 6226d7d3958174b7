import { findLink, findManifest, findRepository, findTag } from '../../metadata/content.ts'
import type { ContentName } from '../../metadata/names.ts'
import type { Query } from '../../metadata/query.ts'
import { listKnownLinks, listKnownManifests, listKnownTags } from '../../metadata/scans.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { ListedFile } from '../../storage/driver.ts'
import { entryAt, type LinkEntry } from '../../storage/layout-entry.ts'

/** A link that a list shows. */
export interface ListedLink {
  readonly repository: ListedRepository
  readonly entry: LinkEntry
  /** What it says, as the list proves it; undefined: it has to be read. */
  readonly says: Digest | undefined
}

/** One repository while a list of its files passes by: revisions come before tags. */
export class ListedRepository {
  readonly name: RepositoryName
  /** This epoch has compared all of it before. */
  readonly isScanned: boolean
  readonly #read: Query
  readonly #id: number | undefined
  readonly #listed = new Set<string>()
  /** By the MD5 of the digest: a tag that names a revision has a link of the same bytes. */
  readonly #revisions = new Map<string, Digest>()
  readonly #left: ContentName[] = []

  constructor(name: RepositoryName, read: Query, row: { readonly id: number | undefined; readonly isScanned: boolean }) {
    this.name = name
    this.isScanned = row.isScanned
    this.#read = read
    this.#id = row.id
  }

  /** Notes that a file of this repository is there: a link, or nothing that says anything. */
  take(file: ListedFile): readonly ListedLink[] {
    const entry = entryAt(file.path)
    if (entry === undefined || entry.kind === 'blob') return []
    this.#listed.add(keyOf(entry))
    const says = this.#proven(entry, file)
    if (entry.kind === 'manifest' && says !== undefined && file.md5 !== undefined) this.#revisions.set(file.md5, says)
    return [{ repository: this, entry, says }]
  }

  #proven(entry: LinkEntry, file: ListedFile): Digest | undefined {
    if (entry.kind === 'tag') return file.md5 === undefined ? undefined : this.#revisions.get(file.md5)
    return isLinkTo(entry.digest, file) ? entry.digest : undefined
  }

  /** A list may be older than a row, so that it may confirm a row or fill a gap, and no more. */
  async mayBelieve(entry: LinkEntry, link: Digest): Promise<boolean> {
    if (this.#id === undefined) return true
    switch (entry.kind) {
      case 'tag': {
        const row = await findTag(this.#read, this.#id, entry.tag)
        return row === undefined || row.digest === link
      }
      case 'manifest': {
        const row = await findManifest(this.#read, this.#id, entry.digest)
        return row === undefined || row.held === 1
      }
      case 'link': {
        const row = await findLink(this.#read, this.#id, entry.digest)
        return row === undefined || row.target === link
      }
    }
  }

  /** Some of these are names of this repository, left to a writer. */
  leave(names: readonly ContentName[]): void {
    this.#left.push(...names.filter((name) => name.kind !== 'blob' && name.repository === this.name))
  }

  /** What was left to a writer, and what the metadata has and the list lacks. */
  async namesToAskFor(): Promise<readonly ContentName[]> {
    const repository = this.name
    const id = (await findRepository(this.#read, repository))?.id
    if (id === undefined) return this.#left
    const manifests = await listKnownManifests(this.#read, id)
    const tags = await listKnownTags(this.#read, id)
    const links = await listKnownLinks(this.#read, id)
    const known: LinkEntry[] = [
      ...manifests.map((digest) => ({ kind: 'manifest', repository, digest }) as const),
      ...tags.map((tag) => ({ kind: 'tag', repository, tag }) as const),
      ...links.map((digest) => ({ kind: 'link', repository, digest }) as const),
    ]
    return [...this.#left, ...(known.filter((entry) => !this.#listed.has(keyOf(entry))) as ContentName[])]
  }
}

function keyOf(entry: LinkEntry): string {
  return `${entry.kind} ${entry.kind === 'tag' ? entry.tag : entry.digest}`
}

function md5Of(digest: Digest): string {
  return new Bun.CryptoHasher('md5').update(digest).digest('hex')
}

/** True when a file can only hold this digest: a link has nothing else in it. */
function isLinkTo(digest: Digest, { size, md5 }: ListedFile): boolean {
  return md5 !== undefined && size === digest.length && md5 === md5Of(digest)
}
