import { type Digest, findDigest } from '../oci/digest.ts'
import { MAX_MANIFEST_BYTES, parseStoredManifest } from '../oci/manifest.ts'
import type { RepositoryName } from '../oci/name.ts'
import { findTag, type Tag } from '../oci/reference.ts'
import { type Placement, type StorageDriver, type StoragePath, storagePath } from '../storage/driver.ts'
import { CURRENT_LINK_FILE, indexLinkFile, LINK_FILE, layout, MAX_LINK_BYTES } from '../storage/layout.ts'
import { listDigests } from '../storage/layout-walk.ts'
import { FileTooLargeError } from '../storage/storage-errors.ts'
import type { BlobCopy, CopyOptions } from './blob-copy.ts'
import { sideBySide } from './side-by-side.ts'

const AT_ONCE = 16
/** Placements that are prepared together and become durable one after the other. */
const BATCH = 64

/** A link as the source has it. */
interface Link {
  readonly directory: StoragePath
  /** What its path names; an alias of registry:2 names another digest in its file. */
  readonly digest: Digest
  readonly bytes: Uint8Array
  readonly names: Digest
}

interface SourceTag {
  readonly tag: Tag
  readonly bytes: Uint8Array
  readonly names: Digest
  /** What it has ever pointed to. */
  readonly index: readonly Digest[]
}

/**
 * Copies the links of one repository. It reads from what refers to what is referred to, tags first, because the source may be
 * serving: what one names is there, or removed, when the next is listed. It writes the other way round, each only if its bytes are there.
 */
export class RepositoryCopy {
  readonly #options: CopyOptions
  readonly #blobs: BlobCopy

  constructor(options: CopyOptions, blobs: BlobCopy) {
    this.#options = options
    this.#blobs = blobs
  }

  async copy(repository: RepositoryName): Promise<void> {
    const { target, progress } = this.#options
    const tags = await this.#readTags(repository)
    const revisions = await this.#readLinks(layout.revisions(repository), (digest) => layout.revision(repository, digest))
    const layers = await this.#readLinks(layout.layers(repository), (digest) => layout.layer(repository, digest))
    if (tags.length + revisions.length + layers.length === 0) return
    // A repository that holds a manifest has all three: registry:2's collector fails without.
    const directories = [layout.layers(repository), layout.revisions(repository), layout.tags(repository)]
    await target.place(directories.map((directory) => ({ directory, files: [] })))
    await this.#copyLinks(layers)
    const held = await this.#copyLinks(revisions, (digest) => this.#reportMissing(repository, digest))
    await this.#copyTags(repository, tags, held)
    await this.#copyHolds(repository)
    progress.repositories += 1
  }

  /** What an operator holds in the source is held in the target, and nothing else is. */
  async #copyHolds(repository: RepositoryName): Promise<void> {
    const { source, target } = this.#options
    const directory = layout.holds(repository)
    const names = await source.list(directory)
    for (const name of await target.list(directory)) if (!names.includes(name)) await target.remove(storagePath(directory, name))
    for (const name of names) {
      const bytes = await source.readSmall(storagePath(directory, name), MAX_LINK_BYTES)
      if (bytes !== undefined && !(await this.#isSame(storagePath(directory, name), bytes)))
        await target.place([{ directory, files: [{ name, bytes }] }])
    }
  }

  async #readTags(repository: RepositoryName): Promise<readonly SourceTag[]> {
    const { source } = this.#options
    const tags: SourceTag[] = []
    const names = (await source.list(layout.tags(repository))).flatMap((name) => findTag(name) ?? [])
    await sideBySide(AT_ONCE, names, async (tag) => {
      const directory = layout.tag(repository, tag)
      const index = await listDigests(source, storagePath(directory, 'index'))
      const link = await this.#readLink(storagePath(directory, CURRENT_LINK_FILE))
      if (link !== undefined) tags.push({ tag, index, ...link })
    })
    return tags
  }

  async #readLinks(below: StoragePath, directoryOf: (digest: Digest) => StoragePath): Promise<readonly Link[]> {
    const links: Link[] = []
    await sideBySide(AT_ONCE, await listDigests(this.#options.source, below), async (digest) => {
      const directory = directoryOf(digest)
      const link = await this.#readLink(storagePath(directory, LINK_FILE))
      if (link !== undefined) links.push({ directory, digest, ...link })
    })
    return links
  }

  /** Undefined for what no registry takes for a link, and for the empty directory that registry:2 leaves of one. */
  async #readLink(path: StoragePath): Promise<Pick<Link, 'bytes' | 'names'> | undefined> {
    const bytes = await readSmallFile(this.#options.source, path, MAX_LINK_BYTES)
    const names = bytes === undefined ? undefined : findDigest(new TextDecoder().decode(bytes))
    return bytes === undefined || names === undefined ? undefined : { bytes, names }
  }

  /** The digests whose links the target has from here on. */
  async #copyLinks(links: readonly Link[], onNew?: (digest: Digest) => Promise<void>): Promise<ReadonlySet<Digest>> {
    const { progress } = this.#options
    const there = new Set<Digest>()
    const missing: Link[] = []
    await sideBySide(AT_ONCE, links, async (link) => {
      const fate = await this.#blobs.ensure(link.names)
      if (fate === 'absent') progress.dangling += 1
      if (fate !== 'whole') return
      there.add(link.digest)
      if (await this.#isSame(storagePath(link.directory, LINK_FILE), link.bytes)) progress.linksPresent += 1
      else missing.push(link)
    })
    if (onNew !== undefined) await sideBySide(AT_ONCE, missing, (link) => onNew(link.digest))
    await this.#place(missing.map(({ directory, bytes }) => ({ directory, files: [{ name: LINK_FILE, bytes }] })))
    progress.linksCopied += missing.length
    return there
  }

  async #copyTags(repository: RepositoryName, tags: readonly SourceTag[], held: ReadonlySet<Digest>): Promise<void> {
    const { progress, onProblem } = this.#options
    const placements: Placement[] = []
    await sideBySide(AT_ONCE, tags, async (tag) => {
      if (!held.has(tag.names)) {
        if (await this.#isInSource(repository, tag))
          onProblem({ kind: 'tag-not-copied', repository, tag: tag.tag, digest: tag.names })
        else progress.dangling += 1
        return
      }
      const placement = await this.#missingOf(repository, tag, held)
      if (placement === undefined) progress.tagsPresent += 1
      else placements.push(placement)
    })
    await this.#place(placements)
    progress.tagsCopied += placements.length
  }

  /** What the target lacks of a tag; its current link is the last of it. */
  async #missingOf(repository: RepositoryName, tag: SourceTag, held: ReadonlySet<Digest>): Promise<Placement | undefined> {
    const { target } = this.#options
    const directory = layout.tag(repository, tag.tag)
    const there = new Set(await listDigests(target, storagePath(directory, 'index')))
    const index = [...new Set([...tag.index, tag.names])].filter((digest) => held.has(digest) && !there.has(digest))
    const isCurrent = await this.#isSame(storagePath(directory, CURRENT_LINK_FILE), tag.bytes)
    if (isCurrent && index.length === 0) return undefined
    const files = index.map((digest) => ({ name: indexLinkFile(digest), bytes: new TextEncoder().encode(digest) }))
    return { directory, files: [...files, { name: CURRENT_LINK_FILE, bytes: tag.bytes }] }
  }

  /** Whether a client of the source gets something for the tag. */
  async #isInSource(repository: RepositoryName, { names }: SourceTag): Promise<boolean> {
    const { source } = this.#options
    if ((await this.#readLink(storagePath(layout.revision(repository, names), LINK_FILE))) === undefined) return false
    return (await source.stat(layout.blob(names))) !== undefined
  }

  /** An image that its source cannot serve whole is copied as it is, and named. */
  async #reportMissing(repository: RepositoryName, digest: Digest): Promise<void> {
    const bytes = await readSmallFile(this.#options.source, layout.blob(digest), MAX_MANIFEST_BYTES)
    const references = (bytes === undefined ? undefined : parseStoredManifest(bytes))?.references ?? []
    const missing: Digest[] = []
    for (const { role, mayBeAbsent, descriptor } of references) {
      if (role === 'child' || mayBeAbsent) continue
      if ((await this.#blobs.ensure(descriptor.digest)) !== 'whole') missing.push(descriptor.digest)
    }
    if (missing.length > 0) this.#options.onProblem({ kind: 'incomplete-image', repository, digest, missing })
  }

  async #isSame(path: StoragePath, bytes: Uint8Array): Promise<boolean> {
    const there = await readSmallFile(this.#options.target, path, MAX_LINK_BYTES)
    return there !== undefined && Buffer.from(there).equals(bytes)
  }

  async #place(placements: readonly Placement[]): Promise<void> {
    const batches = Array.from({ length: Math.ceil(placements.length / BATCH) }, (_, index) => index * BATCH)
    for (const start of batches) {
      this.#options.signal.throwIfAborted()
      await this.#options.target.place(placements.slice(start, start + BATCH))
    }
  }
}

/** A file that is too large for its purpose is as good as none. */
async function readSmallFile(storage: StorageDriver, path: StoragePath, maxBytes: number): Promise<Uint8Array | undefined> {
  try {
    return await storage.readSmall(path, maxBytes)
  } catch (error) {
    if (error instanceof FileTooLargeError) return undefined
    throw error
  }
}
