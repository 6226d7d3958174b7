import { findLinkTarget, findNeeders, listNamedBy } from '../../../metadata/collecting/needers.ts'
import type { Query } from '../../../metadata/query.ts'
import type { Digest } from '../../../oci/digest.ts'
import type { RepositoryName } from '../../../oci/name.ts'
import type { KeptBeside, KeptUntagged } from '../../keeping/kept-untagged.ts'
import { Candidates } from '../candidates.ts'
import { UntaggedIn } from '../untagged.ts'
import { type PackedName, PackedNames } from './packed-names.ts'

const REPOSITORIES_AT_ONCE = 100

/** What a `garbage-collect` found that may go, in the order in which it goes. */
export interface CommandPlan {
  readonly manifests: Names<Named>
  readonly links: Names<Named>
  readonly blobs: Names<Digest>
  /** Distinct digests that manifests which stay need, their own among them. */
  readonly marked: number
  /** Links and blobs that nothing needs and that are too young. */
  readonly young: number
}

/** There may be a million: each comes into being when it is asked for. */
export interface Names<Name> extends Iterable<Name> {
  readonly length: number
}

export interface Named {
  readonly repository: RepositoryName
  readonly repositoryId: number
  readonly digest: Digest
}

/** What registry:2's command prints on the way. */
export interface CommandTold {
  repository(repository: RepositoryName): void
  marksManifest(repository: RepositoryName, digest: Digest): void
  marksBlob(repository: RepositoryName, digest: Digest): void
  untagged(repository: RepositoryName, digest: Digest): void
}

export interface CommandPlanOptions {
  readonly read: Query
  readonly removesUntagged: boolean
  /** Of manifests without a tag, these stay. */
  readonly kept: KeptUntagged
  /** Whether what nothing needs is old enough; `sinceMs` is by the collector's clock. */
  readonly isOld: (content: {
    readonly digest: Digest
    readonly sinceMs: number
    readonly link?: RepositoryName
  }) => Promise<boolean>
  /** Links of these stay: something in them is not understood. */
  readonly opaque: ReadonlySet<RepositoryName>
  /** No bytes go: there is content that nothing here understands. */
  readonly keepsBytes: boolean
  readonly told: CommandTold
  readonly signal: AbortSignal
}

/** Finds what a collection may take, without taking it. Holds in memory what goes, and the digests of what stays, as bytes. */
export class CommandPlanner {
  readonly #options: CommandPlanOptions
  readonly #candidates: Candidates
  readonly #marked = new PackedNames()
  readonly #manifests = new PackedNames()
  readonly #links = new PackedNames()
  /** Bytes that may have lost all that needs them. */
  readonly #targets = new PackedNames()
  #young = 0

  constructor(options: CommandPlanOptions) {
    this.#options = options
    this.#candidates = new Candidates(options.read, options.signal)
  }

  async plan(): Promise<CommandPlan> {
    const repositories: { readonly id: number; readonly name: RepositoryName }[] = []
    for await (const repository of this.#candidates.repositories()) repositories.push(repository)
    repositories.sort((one, other) => (one.name < other.name ? -1 : 1))
    for (let start = 0; start < repositories.length; start += REPOSITORIES_AT_ONCE) {
      const some = repositories.slice(start, start + REPOSITORIES_AT_ONCE)
      const keptHere = this.#options.kept.among(some, this.#options.signal)
      for (const { id, name } of some) await this.#mark(id, name, keptHere)
    }
    for (const { id, name } of repositories) if (!this.#options.opaque.has(name)) await this.#findLinks(id, name)
    const blobs = this.#options.keepsBytes ? NO_BLOBS : await this.#findBlobs()
    const nameOf = new Map(repositories.map(({ id, name }) => [id, name]))
    const [manifests, links] = [this.#manifests, this.#links].map((names) => new NamesOf(names, nameOf)) as [NamesOf, NamesOf]
    return { manifests, links, blobs, marked: this.#marked.length, young: this.#young }
  }

  async #mark(repositoryId: number, repository: RepositoryName, kept: KeptBeside): Promise<void> {
    const { read, removesUntagged, told, opaque } = this.#options
    const isAsked = removesUntagged && !opaque.has(repository)
    const here = new UntaggedIn(read, { id: repositoryId, name: repository }, this.#candidates)
    const untagged = new Set(isAsked ? await here.find(kept) : [])
    let isTold = false
    for await (const slice of this.#candidates.manifests(repositoryId)) {
      await this.#candidates.turn()
      for (const { digest, isHeld } of slice) {
        if (isHeld === 0) continue
        if (!isTold) told.repository(repository)
        isTold = true
        if (untagged.has(digest)) {
          told.untagged(repository, digest)
          this.#manifests.add(repositoryId, digest)
        } else await this.#markManifest(repositoryId, repository, digest)
      }
    }
  }

  async #markManifest(repositoryId: number, repository: RepositoryName, manifest: Digest): Promise<void> {
    const { read, told } = this.#options
    told.marksManifest(repository, manifest)
    this.#marked.add(STORAGE, manifest)
    for (const digest of await listNamedBy(read, repositoryId, manifest)) {
      told.marksBlob(repository, digest)
      this.#marked.add(STORAGE, (await findLinkTarget(read, repositoryId, digest)) ?? digest)
    }
  }

  async #findLinks(repositoryId: number, repository: RepositoryName): Promise<void> {
    const { read, isOld } = this.#options
    for await (const slice of this.#candidates.links(repositoryId)) {
      for (const { digest, sinceMs } of slice) {
        if (await isOld({ digest, sinceMs, link: repository })) await this.#takeLink(repositoryId, digest)
        else this.#young += 1
      }
    }
    for (const { digest, ...manifest } of this.#manifests) {
      if (manifest.repositoryId !== repositoryId) continue
      this.#targets.add(STORAGE, digest)
      for (const named of await listNamedBy(read, repositoryId, digest)) {
        const { manifests } = await findNeeders(read, named)
        const naming = manifests.filter((other) => other.repositoryId === repositoryId)
        if (naming.every((other) => this.#manifests.has(repositoryId, other.digest))) await this.#takeLink(repositoryId, named)
      }
    }
  }

  async #takeLink(repositoryId: number, digest: Digest): Promise<void> {
    const target = await findLinkTarget(this.#options.read, repositoryId, digest)
    if (target === undefined) return
    this.#links.add(repositoryId, digest)
    this.#targets.add(STORAGE, target)
  }

  async #findBlobs(): Promise<Names<Digest>> {
    const { isOld } = this.#options
    for await (const slice of this.#candidates.blobs()) {
      for (const { digest, sinceMs } of slice) {
        if (await isOld({ digest, sinceMs })) this.#targets.add(STORAGE, digest)
        else this.#young += 1
      }
    }
    const freed = new PackedNames()
    for (const { digest } of this.#targets) if (await this.#isFreed(digest)) freed.add(STORAGE, digest)
    return new DigestsOf(freed)
  }

  async #isFreed(target: Digest): Promise<boolean> {
    const { links, manifests } = await findNeeders(this.#options.read, target)
    const goes = (kind: PackedNames) => (name: PackedName) => kind.has(name.repositoryId, name.digest)
    return links.every(goes(this.#links)) && manifests.every(goes(this.#manifests))
  }
}

/** In place of a repository, for bytes. */
const STORAGE = 0
const NO_BLOBS: Names<Digest> = []

class NamesOf implements Names<Named> {
  readonly #names: PackedNames
  readonly #repositories: ReadonlyMap<number, RepositoryName>

  constructor(names: PackedNames, repositories: ReadonlyMap<number, RepositoryName>) {
    this.#names = names
    this.#repositories = repositories
  }

  get length(): number {
    return this.#names.length
  }

  *[Symbol.iterator](): Generator<Named> {
    for (const name of this.#names) {
      const repository = this.#repositories.get(name.repositoryId)
      if (repository !== undefined) yield { ...name, repository }
    }
  }
}

class DigestsOf implements Names<Digest> {
  readonly #names: PackedNames

  constructor(names: PackedNames) {
    this.#names = names
  }

  get length(): number {
    return this.#names.length
  }

  *[Symbol.iterator](): Generator<Digest> {
    for (const { digest } of this.#names.sorted()) yield digest
  }
}
