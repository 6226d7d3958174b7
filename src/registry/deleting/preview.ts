import { createHash } from 'node:crypto'
import { isOpaque } from '../../metadata/collecting/links.ts'
import { findManifest, findTag, listNamingManifests } from '../../metadata/content.ts'
import {
  listManifestsInSet,
  listTagSlice,
  listTagSliceOf,
  type ManifestInSet,
  type TagSeen,
} from '../../metadata/deleting/sets.ts'
import { readClockMs } from '../../metadata/keeping/times.ts'
import { currentNumber, type Query } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Reference, Tag } from '../../oci/reference.ts'
import { manifestUnknown } from '../../oci/unknown.ts'
import { wordsOf } from '../../retention/reason.ts'
import type { ManifestStore } from '../content/manifest-store.ts'
import type { KeptBy, KeptNames } from '../keeping/kept-names.ts'
import type { PushedTimes } from '../keeping/pushed-times.ts'
import { type FreedWhen, freedAfterMs } from './freed-when.ts'
import { ImageClosure } from './image-closure.ts'
import { KeptImages } from './kept-images.ts'
import { OnlyHeld } from './only-held.ts'
import type { Questions } from './questions.ts'
import { bytesOfRepository } from './repository-bytes.ts'
import type { FoundRepository, SelectedRepositories } from './selected-repositories.ts'
import { type DatedTag, type Going, MeantTags, type Selection, type Staying } from './selection.ts'

/** How many indexes a refusal names. */
const NAMED_AT_MOST = 5

/** What a deletion would do. */
export interface Preview {
  readonly repositories: number
  readonly tags: number
  readonly manifests: number
  /** Manifests that go later, with those. */
  readonly released: number
  /** Manifests that lose their last tag, and stay. */
  readonly leftUntagged: number
  /** Revisions that cannot be read, and so stay. */
  readonly unreadable: number
  /** Tags and manifests that are meant, and that the configuration or a hold keeps. */
  readonly kept: number
  /** That nothing else needs; each blob once. An estimate: a push may need them until they go. */
  readonly bytes: number
  /** How long after the deletion the bytes are free; undefined where no collector runs. */
  readonly freedAfterMs: number | undefined
  /** Image indexes that name the manifest: its deletion is refused unless it is forced. */
  readonly namedBy: readonly Digest[]
  /** The number after which all of it was read: what has changed since is not meant. */
  readonly asOf: number
  /** Only tags are meant that were pushed until then, by the collector's clock; undefined: of any age. */
  readonly pushedBeforeMs: number | undefined
  /** Of the whole set: another one where anything has been added, moved or removed. */
  readonly token: string
}

export interface PreviewParts {
  readonly questions: Questions
  readonly repositories: SelectedRepositories
  readonly freed: FreedWhen
  readonly manifests: Pick<ManifestStore, 'keptIn'>
  readonly times: Pick<PushedTimes, 'ofTags'>
  readonly signal: AbortSignal
  /** Is told everything that goes, one after another, and what stays of that which is meant. */
  readonly told: (found: Going | Staying) => void
}

/** Looks at what a deletion would take, and changes nothing. Holds one slice of it at a time, or the manifests that go with one image. */
export class Previewer {
  readonly #parts: PreviewParts
  readonly #hash = createHash('sha256')
  #repositories = 0
  #tags = 0
  #manifests = 0
  #released = 0
  #leftUntagged = 0
  #unreadable = 0
  #kept = 0
  #bytes = 0
  #steps = 0
  #namedBy: readonly Digest[] = []
  #pushedBeforeMs: number | undefined

  constructor(parts: PreviewParts) {
    this.#parts = parts
  }

  /** Throws NAME_UNKNOWN, MANIFEST_UNKNOWN. */
  async preview(selection: Selection): Promise<Preview> {
    const { questions, repositories } = this.#parts
    // What a scan heals gets a number of its own: everything is seen before the number is drawn.
    for await (const _ of repositories.of(selection));
    const asOf = await questions.ask(currentNumber)
    this.#pushedBeforeMs = await questions.ask((query) => pushedBeforeMsOf(query, selection))
    for await (const repository of repositories.of(selection)) await this.#lookInto(repository, selection)
    return {
      ...{ repositories: this.#repositories, tags: this.#tags, manifests: this.#manifests, released: this.#released },
      ...{
        leftUntagged: this.#leftUntagged,
        unreadable: this.#unreadable,
        kept: this.#kept,
        bytes: this.#bytes,
        namedBy: this.#namedBy,
        asOf,
        pushedBeforeMs: this.#pushedBeforeMs,
      },
      freedAfterMs: freedAfterMs(this.#parts.freed, this.#steps),
      token: this.#hash.digest('hex').slice(0, 32),
    }
  }

  async #lookInto(repository: FoundRepository, selection: Selection): Promise<void> {
    const before = this.#tags + this.#manifests
    const names = await this.#parts.manifests.keptIn(repository.name)
    switch (selection.kind) {
      case 'tag':
        await this.#tag(repository, selection.tag, names)
        break
      case 'manifest':
        await this.#manifest(repository, selection.digest, names)
        break
      case 'tags':
        await this.#tagsMeant(repository, new MeantTags((tag) => selection.tags.fits(tag), this.#pushedBeforeMs), names)
        break
      case 'repository':
      case 'repositories':
        await this.#whole(repository, selection, names)
    }
    if (this.#tags + this.#manifests > before) this.#repositories += 1
  }

  async #tagsMeant(repository: FoundRepository, meant: MeantTags, names: KeptNames): Promise<void> {
    if (this.#pushedBeforeMs !== undefined) await this.#dateTags(repository, meant)
    for await (const tag of this.#tagsOf(repository)) {
      if (!meant.has(tag)) {
        if (meant.fits(tag.name) && tag.pushedMs === null) this.#staysUndated(repository, tag.name)
        continue
      }
      if (this.#staysBy(repository, tag.name, names)) continue
      this.#goes({ kind: 'tag', repository: repository.name, tag: tag.name, digest: tag.digest })
      if (
        tag.isFirst === 1 &&
        (await this.#allTags(repository, tag.digest, (other) => meant.has(other) && !names.by(other.name)))
      )
        this.#leftUntagged += 1
    }
  }

  /** What the metadata does not know is asked of the storage once, and noted. */
  async #dateTags(repository: FoundRepository, meant: MeantTags): Promise<void> {
    const { times, signal, questions } = this.#parts
    const list = (query: Query, after: string) => listTagSlice(query, repository.id, after)
    for await (const slice of questions.slices(list, '', ({ name }: TagSeen) => name)) {
      const undated = slice.filter(({ name, pushedMs }) => pushedMs === null && meant.fits(name))
      if (undated.length > 0) await times.ofTags(repository, undated, signal)
    }
  }

  async #tag(repository: FoundRepository, tag: Tag, names: KeptNames): Promise<void> {
    const { questions } = this.#parts
    const digest = (await questions.ask((query) => findTag(query, repository.id, tag)))?.digest ?? undefined
    if (digest === undefined || !(await this.#isHeld(repository, digest))) throw manifestUnknown(tag)
    if (this.#staysBy(repository, tag, names)) return
    this.#goes({ kind: 'tag', repository: repository.name, tag, digest })
    if (await this.#allTags(repository, digest, ({ name }) => name === tag)) this.#leftUntagged += 1
  }

  async #manifest(repository: FoundRepository, digest: Digest, names: KeptNames): Promise<void> {
    const { questions } = this.#parts
    if (!(await this.#isHeld(repository, digest))) throw manifestUnknown(digest)
    if (await this.#manifestStays(repository, digest, names)) return
    const named = { repository: repository.name, repositoryId: repository.id, digest, kind: 'manifest' } as const
    this.#namedBy = await questions.ask((query) => listNamingManifests(query, named, NAMED_AT_MOST))
    this.#goes({ kind: 'manifest', repository: repository.name, digest })
    await this.#tagsOn(repository, digest)
    const closure = await ImageClosure.of(questions, repository.id, digest)
    for (const each of closure.released) {
      this.#goes({ kind: 'released', repository: repository.name, digest: each })
      await this.#tagsOn(repository, each)
    }
    if (await this.#keepsAll(repository)) return
    this.#bytes += await closure.bytes()
    this.#steps = closure.steps
  }

  async #whole(
    repository: FoundRepository,
    selection: Extract<Selection, { kind: 'repository' | 'repositories' }>,
    names: KeptNames,
  ): Promise<void> {
    const { questions } = this.#parts
    const kept = await KeptImages.of(questions, repository, names)
    for await (const { name, digest } of this.#tagsOf(repository)) {
      if (kept.has(digest)) this.#stays(repository, name, names.by(name) ?? names.by(digest))
      else this.#goes({ kind: 'tag', repository: repository.name, tag: name, digest })
    }
    const going = new Set<Digest>()
    const unreadableBefore = this.#unreadable
    const list = (query: Query, after: string) => listManifestsInSet(query, repository.id, after)
    for await (const slice of questions.slices(list, '', ({ digest }: ManifestInSet) => digest)) {
      for (const { digest, isHeld, isLinked } of slice) {
        if (kept.has(digest)) this.#stays(repository, digest, names.by(digest))
        else if (isHeld === 0) this.#unreadable += isLinked
        else {
          this.#goes({ kind: 'manifest', repository: repository.name, digest })
          if (!kept.isEmpty) going.add(digest)
        }
      }
    }
    if (await this.#keepsAll(repository)) return
    if (!kept.isEmpty) {
      // What other repositories have as well is not counted, though they may go too.
      this.#bytes += await new OnlyHeld(questions).bytesOf([{ repositoryId: repository.id, going }])
      return
    }
    const hasUnreadable = this.#unreadable > unreadableBefore
    const others =
      selection.kind === 'repositories' ? selection.repositories : { fits: (name: string) => name === repository.name }
    this.#bytes += await bytesOfRepository(questions, { repositoryId: repository.id, hasUnreadable }, others)
  }

  async #tagsOn(repository: FoundRepository, digest: Digest): Promise<void> {
    const list = (query: Query, after: string) => listTagSliceOf(query, repository.id, digest, after)
    for await (const slice of this.#parts.questions.slices(list, '', ({ name }: DatedTag) => name))
      for (const { name: tag } of slice) this.#goes({ kind: 'tag', repository: repository.name, tag, digest })
  }

  async *#tagsOf({ id }: FoundRepository): AsyncGenerator<TagSeen> {
    const list = (query: Query, after: string) => listTagSlice(query, id, after)
    for await (const slice of this.#parts.questions.slices(list, '', ({ name }: TagSeen) => name)) yield* slice
  }

  async #allTags({ id }: FoundRepository, digest: Digest, isMeant: (tag: DatedTag) => boolean): Promise<boolean> {
    const list = (query: Query, after: string) => listTagSliceOf(query, id, digest, after)
    for await (const slice of this.#parts.questions.slices(list, '', ({ name }: DatedTag) => name))
      if (!slice.every(isMeant)) return false
    return true
  }

  async #isHeld({ id }: FoundRepository, digest: Digest): Promise<boolean> {
    return (await this.#parts.questions.ask((query) => findManifest(query, id, digest)))?.held === 1
  }

  /** Something in it cannot be read: nothing of it falls due. */
  async #keepsAll({ id }: FoundRepository): Promise<boolean> {
    return await this.#parts.questions.ask((query) => isOpaque(query, id))
  }

  /** A manifest goes with all its tags, or not at all. */
  async #manifestStays(repository: FoundRepository, digest: Digest, names: KeptNames): Promise<boolean> {
    if (names.isEmpty) return false
    const list = (query: Query, after: string) => listTagSliceOf(query, repository.id, digest, after)
    let stays = this.#staysBy(repository, digest, names)
    for await (const slice of this.#parts.questions.slices(list, '', ({ name }: DatedTag) => name))
      for (const { name } of slice) stays = this.#staysBy(repository, name, names) || stays
    return stays
  }

  #staysBy(repository: FoundRepository, reference: Reference, names: KeptNames): boolean {
    const by = names.by(reference)
    if (by !== undefined) this.#stays(repository, reference, by)
    return by !== undefined
  }

  #stays({ name: repository }: FoundRepository, reference: Reference, by: KeptBy | undefined): void {
    this.#kept += 1
    const because = by === undefined ? 'it belongs to an image that stays' : wordsOf({ kind: by })
    this.#parts.told({ kind: 'stays', repository, reference, because })
  }

  #staysUndated({ name: repository }: FoundRepository, reference: Tag): void {
    this.#parts.told({ kind: 'stays', repository, reference, because: wordsOf({ kind: 'push unknown' }) })
  }

  #goes(going: Going): void {
    this.#hash.update(lineOf(going))
    if (going.kind === 'tag') this.#tags += 1
    else if (going.kind === 'manifest') this.#manifests += 1
    else this.#released += 1
    this.#parts.told(going)
  }
}

/** Until when a tag must have been pushed that the selection means; undefined: at any time. */
async function pushedBeforeMsOf(query: Query, selection: Selection): Promise<number | undefined> {
  if (selection.kind !== 'tags' || selection.olderThanMs === undefined) return undefined
  return (await readClockMs(query)) - selection.olderThanMs
}

function lineOf(going: Going): string {
  const tag = going.kind === 'tag' ? `:${going.tag}` : ''
  return `${going.kind} ${going.repository}${tag}@${going.digest}\n`
}
