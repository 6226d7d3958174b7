import { findManifest, findManifestContent, findRepository, listTagsOf } from '../../metadata/content.ts'
import type { ManifestContent } from '../../metadata/manifest-content.ts'
import type { BlobName, ContentName, EmptyRepository, LinkName, ManifestName, TagName } from '../../metadata/names.ts'
import type { Query } from '../../metadata/query.ts'
import { algorithmOf, type Digest, digestOf, findDigest, isDigestOfNothing } from '../../oci/digest.ts'
import { MAX_MANIFEST_BYTES, parseStoredManifest } from '../../oci/manifest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { digestsIn } from '../../oci/named-digests.ts'
import { type StorageDriver, type StoragePath, storagePath } from '../../storage/driver.ts'
import { CURRENT_LINK_FILE, LINK_FILE, layout, MAX_LINK_BYTES } from '../../storage/layout.ts'
import { FileTooLargeError } from '../../storage/storage-errors.ts'

/** What the storage says about a name. Undefined: nothing there that any registry could serve. */
export type Observation = TagObservation | ManifestObservation | LinkObservation | BlobObservation | RepositoryObservation

/** The observation that looking at a name gives. */
export type ObservationOf<Name extends ContentName> = Extract<Observation, { readonly kind: Name['kind'] }>

export interface TagObservation {
  readonly kind: 'tag'
  readonly name: TagName
  readonly digest: Digest | undefined
}

export interface ManifestObservation {
  readonly kind: 'manifest'
  readonly name: ManifestName
  readonly found: FoundManifest | undefined
  /** What is there of a manifest that cannot be served. Left out: nothing. */
  readonly unserved?: UnservedManifest
}

/** A revision whose link is in the storage, or that a tag names: absent for a pull, and present for the collector (docs/collector.md, Present). */
export interface UnservedManifest {
  /** Every digest in its bytes; undefined: they are missing or damaged, and nothing tells what it names. */
  readonly names: readonly Digest[] | undefined
}

export interface FoundManifest {
  readonly size: number
  /** Left out where the metadata already has it all. */
  readonly content: ManifestContent | undefined
}

export interface LinkObservation {
  readonly kind: 'link'
  readonly name: LinkName
  readonly found: { readonly target: Digest; readonly size: number } | undefined
}

/** Nothing was looked at: directories in which nothing is are of no use, and of no harm. */
export interface RepositoryObservation {
  readonly kind: 'repository'
  readonly name: EmptyRepository
}

export interface BlobObservation {
  readonly kind: 'blob'
  readonly name: BlobName
  readonly size: number | undefined
}

/** What a list has shown already, so that it need not be asked for. */
export interface Evidence {
  /** What a link says. */
  readonly link?: Digest | undefined
  /** The size of the blob that is linked, or that is looked at itself. */
  readonly size?: number | undefined
}

/** Looks at the storage for one name at a time. What cannot be parsed or is not whole counts as absent; what cannot be read throws. */
export class StorageView {
  readonly #storage: StorageDriver
  readonly #read: Query

  constructor(storage: StorageDriver, read: Query) {
    this.#storage = storage
    this.#read = read
  }

  async observe(name: ContentName, evidence: Evidence = {}): Promise<Observation> {
    switch (name.kind) {
      case 'tag':
        return await this.observeTag(name, evidence)
      case 'manifest':
        return await this.observeManifest(name, evidence)
      case 'link':
        return await this.observeLink(name, evidence)
      case 'repository':
        return { kind: 'repository', name }
      case 'blob':
        return { kind: 'blob', name, size: evidence.size ?? (await this.blobSize(name.digest)) }
    }
  }

  /** What was observed survives a power cut from here on: its writer may have died before its sync, or may not have got there yet. */
  async makeDurable(observation: Observation): Promise<void> {
    for (const path of pathsOf(observation)) await this.#storage.makeDurable(path)
  }

  async observeTag(name: TagName, { link }: Evidence = {}): Promise<TagObservation> {
    const path = storagePath(layout.tag(name.repository, name.tag), CURRENT_LINK_FILE)
    return { kind: 'tag', name, digest: link ?? (await this.#readLink(path)) }
  }

  async observeManifest(name: ManifestName, { link, size }: Evidence = {}): Promise<ManifestObservation> {
    const path = storagePath(layout.revision(name.repository, name.digest), LINK_FILE)
    const linkFile = link === undefined ? await this.#readLinkFile(path) : { says: link }
    const found = linkFile?.says === name.digest ? await this.#findManifest(name, size) : undefined
    if (found !== undefined) return { kind: 'manifest', name, found }
    const unserved = await this.#findUnserved(name, linkFile)
    return { kind: 'manifest', name, found, ...(unserved && { unserved }) }
  }

  async observeLink(name: LinkName, { link, size: shown }: Evidence = {}): Promise<LinkObservation> {
    const target = link ?? (await this.#readLink(storagePath(layout.layer(name.repository, name.digest), LINK_FILE)))
    const size = target === undefined ? undefined : (shown ?? (await this.blobSize(target)))
    const found = target === undefined || size === undefined ? undefined : { target, size }
    return { kind: 'link', name, found }
  }

  /** The size of a blob's file, undefined when there is none or when it is empty without right. */
  async blobSize(digest: Digest): Promise<number | undefined> {
    const entry = await this.#storage.stat(layout.blob(digest))
    if (entry?.kind !== 'file') return undefined
    return entry.size === 0 && !isDigestOfNothing(digest) ? undefined : entry.size
  }

  async #findManifest(name: ManifestName, shownSize: number | undefined): Promise<FoundManifest | undefined> {
    const known = await this.#knownSize(name)
    if (known !== undefined && (shownSize ?? (await this.blobSize(name.digest))) === known)
      return { size: known, content: undefined }
    const bytes = await this.#readSmall(layout.blob(name.digest), MAX_MANIFEST_BYTES)
    if (bytes === undefined || digestOf(algorithmOf(name.digest), bytes) !== name.digest) return undefined
    const manifest = parseStoredManifest(bytes)
    return manifest === undefined ? undefined : { size: bytes.length, content: { digest: name.digest, bytes, manifest } }
  }

  async #findUnserved({ repository, digest }: ManifestName, link: LinkFile | undefined): Promise<UnservedManifest | undefined> {
    if (link === undefined) {
      // A tag whose revision and bytes have both gone is what a registry left that removed an image by its digest.
      const isThere = (await this.#isTagged(repository, digest)) && (await this.blobSize(digest)) !== undefined
      if (!isThere) return undefined
    }
    const other = link?.says === undefined || link.says === digest ? [] : [link.says]
    const named = await Promise.all([digest, ...other].map((of) => this.#namesIn(of)))
    return { names: named.includes(undefined) ? undefined : [...other, ...named.flatMap((names) => names ?? [])] }
  }

  /** In the storage: the row of a tag may be older than a delete whose process died. */
  async #isTagged(repository: RepositoryName, digest: Digest): Promise<boolean> {
    const row = await findRepository(this.#read, repository)
    for (const tag of row === undefined ? [] : await listTagsOf(this.#read, row.id, digest))
      if ((await this.observeTag({ kind: 'tag', repository, tag })).digest === digest) return true
    return false
  }

  /** Undefined when the bytes of a manifest are missing or damaged. */
  async #namesIn(digest: Digest): Promise<readonly Digest[] | undefined> {
    const bytes = await this.#readSmall(layout.blob(digest), MAX_MANIFEST_BYTES)
    return bytes !== undefined && digestOf(algorithmOf(digest), bytes) === digest ? digestsIn(bytes) : undefined
  }

  /** Of a manifest whose content the metadata has. */
  async #knownSize({ repository, digest }: ManifestName): Promise<number | undefined> {
    const row = await findRepository(this.#read, repository)
    if (row === undefined) return undefined
    const manifest = await findManifest(this.#read, row.id, digest)
    return manifest?.held === 1 ? (await findManifestContent(this.#read, digest))?.size : undefined
  }

  async #readLink(path: StoragePath): Promise<Digest | undefined> {
    return (await this.#readLinkFile(path))?.says
  }

  /** Undefined when there is no file. */
  async #readLinkFile(path: StoragePath): Promise<LinkFile | undefined> {
    try {
      const bytes = await this.#storage.readSmall(path, MAX_LINK_BYTES)
      return bytes && { says: findDigest(new TextDecoder().decode(bytes)) }
    } catch (error) {
      if (error instanceof FileTooLargeError) return { says: undefined }
      throw error
    }
  }

  async #readSmall(path: StoragePath, maxBytes: number): Promise<Uint8Array | undefined> {
    try {
      return await this.#storage.readSmall(path, maxBytes)
    } catch (error) {
      if (error instanceof FileTooLargeError) return undefined
      throw error
    }
  }
}

/** The file of a link; what it says is undefined when that is no digest. */
interface LinkFile {
  readonly says: Digest | undefined
}

function pathsOf(observation: Observation): readonly StoragePath[] {
  const { kind, name } = observation
  switch (kind) {
    case 'tag':
      return [storagePath(layout.tag(name.repository, name.tag), CURRENT_LINK_FILE)]
    case 'manifest':
      return [layout.blob(name.digest), storagePath(layout.revision(name.repository, name.digest), LINK_FILE)]
    case 'link': {
      const target = observation.found?.target ?? name.digest
      return [layout.blob(target), storagePath(layout.layer(name.repository, name.digest), LINK_FILE)]
    }
    case 'blob':
      return [layout.blob(name.digest)]
    case 'repository':
      return []
  }
}
