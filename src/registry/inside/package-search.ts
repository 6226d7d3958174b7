import { setImmediate } from 'node:timers/promises'
import {
  type HolderRow,
  listPackageHolders,
  listPackageRows,
  listTagsAt,
  type PackageQuestion,
  type PackageRow,
} from '../../metadata/inside/packages.ts'
import type { Metadata } from '../../metadata/query.ts'
import { listThere } from '../../metadata/search/found.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { rangeFrom, type ShownNames } from '../../oci/name-ranges.ts'

/** An answer orders and counts no more. */
export const MOST_FOUND_PACKAGES = 1_000
const PACKAGES_AT_ONCE = 100
const HOLDERS_AT_ONCE = 500
const TAGS_SHOWN = 5
const TAGS_AT_ONCE = 200
/** Rows that are looked at for one answer: what a caller may not see is passed over. */
const MOST_LOOKED_AT = 100_000

export interface SoughtPackages {
  /** Of the package, in whole; with `*` at its end, what it begins with. */
  readonly name: string
  /** What its version begins with; '' for all. */
  readonly version: string
  /** Undefined: all. */
  readonly type: string | undefined
}

export interface FoundPackage extends Omit<PackageRow, 'id'> {
  readonly repository: RepositoryName
  readonly digest: Digest
  /** Some of those that lead to the image. */
  readonly tags: readonly string[]
}

export interface FoundPackages {
  /** How many there are, at most `MOST_FOUND_PACKAGES`. */
  readonly total: number
  readonly found: readonly FoundPackage[]
}

export interface PackageSearchOptions {
  readonly metadata: Metadata
  readonly epoch: number
}

/** Finds the images that have a package. */
export class PackageSearch {
  readonly #options: PackageSearchOptions

  constructor(options: PackageSearchOptions) {
    this.#options = options
  }

  /** By name, kind, version, and then by when the image was read. With `shown`, in the repositories that fit it. */
  async find(
    sought: SoughtPackages,
    page: { readonly first: number; readonly count: number },
    shown: ShownNames | undefined,
  ): Promise<FoundPackages> {
    const found: (HolderRow & { readonly package: PackageRow })[] = []
    const left = { rows: MOST_LOOKED_AT }
    for await (const row of this.#packages(sought)) {
      for await (const holders of this.#holders(row, left))
        found.push(...(await this.#visible(holders, shown)).map((holder) => ({ ...holder, package: row })))
      if (found.length >= MOST_FOUND_PACKAGES || left.rows <= 0) break
    }
    const wanted = found.slice(0, MOST_FOUND_PACKAGES).slice(page.first, page.first + page.count)
    const tags = await this.#tagsOf(wanted)
    const told = wanted.map(({ package: { type, name, version }, repository, digest }, at) => ({
      ...{ type, name, version, repository, digest, tags: tags[at] ?? [] },
    }))
    return { total: Math.min(found.length, MOST_FOUND_PACKAGES), found: told }
  }

  async #tagsOf(images: readonly HolderRow[]): Promise<readonly (readonly string[])[]> {
    const tags: (readonly string[])[] = []
    for (let at = 0; at < images.length; at += TAGS_AT_ONCE) {
      tags.push(...(await listTagsAt(this.#options.metadata.read, images.slice(at, at + TAGS_AT_ONCE), TAGS_SHOWN)))
      await setImmediate()
    }
    return tags
  }

  async *#packages({ name, version, type }: SoughtPackages): AsyncGenerator<PackageRow> {
    const isWhole = !name.endsWith('*')
    const range = isWhole ? { from: name, below: `${name}\0` } : rangeFrom(name.slice(0, -1))
    let after: PackageQuestion['after'] = { name: '', type: '', version: '' }
    for (;;) {
      const rows = await listPackageRows(this.#options.metadata.read, { range, type, version, after, limit: PACKAGES_AT_ONCE })
      yield* rows
      const last = rows.at(-1)
      if (last === undefined || rows.length < PACKAGES_AT_ONCE) return
      after = last
      await setImmediate()
    }
  }

  async *#holders({ id }: PackageRow, left: { rows: number }): AsyncGenerator<readonly HolderRow[]> {
    let after = { imageId: 0, repositoryId: 0 }
    while (left.rows > 0) {
      const rows = await listPackageHolders(this.#options.metadata.read, id, after, HOLDERS_AT_ONCE)
      left.rows -= rows.length
      yield rows
      const last = rows.at(-1)
      if (last === undefined || rows.length < HOLDERS_AT_ONCE) return
      after = last
      await setImmediate()
    }
  }

  async #visible(holders: readonly HolderRow[], shown: ShownNames | undefined): Promise<readonly HolderRow[]> {
    const fitting = holders.filter(({ repository }) => shown?.fits(repository) ?? true)
    if (fitting.length === 0) return []
    const { metadata, epoch } = this.#options
    const there = await listThere(metadata.read, epoch, [...new Set(fitting.map(({ repositoryId }) => repositoryId))])
    return fitting.filter(({ repositoryId }) => there.has(repositoryId))
  }
}
