import { type Build, isIndex } from './built-image.ts'
import { GONE } from './shown.ts'

/**
 * What a client was told of a manifest: `there`; `gone`; `released`, by the delete of an index that named it, so that it goes when nothing asks for
 * it; or `unknown`, where an answer was lost or it may have been released.
 */
export type Standing = 'there' | 'gone' | 'released' | 'unknown'

/** What one client, which alone changes its repository, knows of it. */
export class BuildingAccount {
  readonly #builds = new Map<string, { readonly build: Build; standing: Standing }>()
  /** What each tag may hold: digests, and GONE. */
  readonly #tags = new Map<string, ReadonlySet<string>>()
  /** How often the registry forgot what deletes had released, and how often it had when the delete under way began. */
  #forgotten = 0
  #forgottenBefore = 0

  standing(build: Build): Standing {
    return this.#builds.get(build.manifest.digest)?.standing ?? 'gone'
  }

  find(digest: string): Build | undefined {
    return this.#builds.get(digest)?.build
  }

  /** The builds that stand so. */
  all(standing: Standing): readonly Build[] {
    return [...this.#builds.values()].flatMap((known) => (known.standing === standing ? [known.build] : []))
  }

  get tags(): readonly (readonly [tag: string, holds: ReadonlySet<string>])[] {
    return [...this.#tags]
  }

  holds(tag: string): ReadonlySet<string> {
    return this.#tags.get(tag) ?? new Set([GONE])
  }

  /** A push is sent: whether it comes about is not known yet. */
  pushBegins(build: Build, tag: string | undefined): void {
    for (const each of [build, ...childrenOf(build)]) if (this.standing(each) !== 'there') this.#set(each, 'unknown')
    if (tag !== undefined) this.#tags.set(tag, new Set([...this.holds(tag), build.manifest.digest]))
  }

  /** An index holds its children. */
  pushed(build: Build, tag: string | undefined): void {
    for (const each of [build, ...childrenOf(build)]) this.#set(each, 'there')
    if (tag !== undefined) this.#tags.set(tag, new Set([build.manifest.digest]))
  }

  deleteBegins(build: Build): void {
    this.#forgottenBefore = this.#forgotten
    this.#set(build, 'unknown')
    for (const [tag, holds] of this.#tags) if (holds.has(build.manifest.digest)) this.#tags.set(tag, new Set([...holds, GONE]))
    for (const child of childrenOf(build)) if (!this.#isTagged(child)) this.#loses(child, 'unknown')
  }

  /** `isNews`: the registry had it until then. */
  deleted(build: Build, { isNews }: { readonly isNews: boolean }): void {
    const { digest } = build.manifest
    this.#set(build, 'gone')
    for (const [tag, holds] of this.#tags) {
      const left = [...holds].filter((other) => other !== digest)
      this.#tags.set(tag, new Set(left.length === 0 ? [GONE] : left))
    }
    if (!isNews || this.#forgotten > this.#forgottenBefore) return
    for (const child of childrenOf(build)) if (!this.#mayBeLedTo(child)) this.#loses(child, 'released')
  }

  /** The registry has lost its database, and found in the storage what is there: of children that were released it says no more. */
  releasesForgotten(): void {
    this.#forgotten += 1
    for (const build of this.all('released')) this.#set(build, 'unknown')
  }

  tagDeleteBegins(tag: string): void {
    this.#tags.set(tag, new Set([...this.holds(tag), GONE]))
  }

  tagDeleted(tag: string): void {
    this.#tags.set(tag, new Set([GONE]))
  }

  /** A parent that may be there keeps a registry from deleting it. */
  mayHaveParent({ manifest: { digest } }: Build): boolean {
    return [...this.#builds.values()].some(
      ({ build, standing }) => standing !== 'gone' && childrenOf(build).some(({ manifest }) => manifest.digest === digest),
    )
  }

  #isTagged({ manifest: { digest } }: Build): boolean {
    return [...this.#tags.values()].some((holds) => holds.size === 1 && holds.has(digest))
  }

  #mayBeLedTo(child: Build): boolean {
    return this.mayHaveParent(child) || [...this.#tags.values()].some((holds) => holds.has(child.manifest.digest))
  }

  /** What is not held stays so. */
  #loses(child: Build, standing: Standing): void {
    if (this.standing(child) !== 'gone') this.#set(child, standing)
  }

  #set(build: Build, standing: Standing): void {
    const known = this.#builds.get(build.manifest.digest)
    if (known === undefined) this.#builds.set(build.manifest.digest, { build, standing })
    else known.standing = standing
  }
}

function childrenOf(build: Build): readonly Build[] {
  return isIndex(build) ? build.images.map((image) => ({ manifest: image.manifest, images: [image] })) : []
}
