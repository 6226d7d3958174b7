import { findManifest, findManifestContent, findRepository } from '../../metadata/content.ts'
import type { ManifestContent } from '../../metadata/manifest-content.ts'
import type { BlobName, ContentName, LinkName, ManifestName, TagName } from '../../metadata/names.ts'
import type { Query } from '../../metadata/query.ts'
import { algorithmOf, type Digest, digestOf, findDigest, isDigestOfNothing } from '../../oci/digest.ts'
import { MAX_MANIFEST_BYTES, parseStoredManifest } from '../../oci/manifest.ts'
import { FileTooLargeError, type StorageDriver, type StoragePath, storagePath } from '../../storage/driver.ts'
import { CURRENT_LINK_FILE, LINK_FILE, layout, MAX_LINK_BYTES } from '../../storage/layout.ts'

/** What the storage says about a name. Undefined: nothing there that any registry could serve. */
export type Observation = TagObservation | ManifestObservation | LinkObservation | BlobObservation

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
    const linked = link ?? (await this.#readLink(storagePath(layout.revision(name.repository, name.digest), LINK_FILE)))
    return { kind: 'manifest', name, found: linked === name.digest ? await this.#findManifest(name, size) : undefined }
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

  /** Of a manifest whose content the metadata has. */
  async #knownSize({ repository, digest }: ManifestName): Promise<number | undefined> {
    const row = await findRepository(this.#read, repository)
    if (row === undefined) return undefined
    const manifest = await findManifest(this.#read, row.id, digest)
    return manifest?.held === 1 ? (await findManifestContent(this.#read, digest))?.size : undefined
  }

  async #readLink(path: StoragePath): Promise<Digest | undefined> {
    const bytes = await this.#readSmall(path, MAX_LINK_BYTES)
    return bytes === undefined ? undefined : findDigest(new TextDecoder().decode(bytes))
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
  }
}
