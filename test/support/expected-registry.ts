import { blobsOf, type Content, type Image, type ImageIndex } from './images.ts'

export interface ExpectedRepository {
  readonly tags: Map<string, string>
  readonly manifests: Map<string, Content>
  readonly blobs: Map<string, Content>
}

/** What a registry must show: kept plain, and changed by the words in which the change is told. */
export class ExpectedRegistry {
  readonly repositories = new Map<string, ExpectedRepository>()
  /** Everything that was ever there, so that what has gone can be asked for. */
  readonly ever = new Map<string, ExpectedRepository>()
  /** Repositories that are in the catalog and about which nothing more is asked. */
  readonly others = new Set<string>()

  /** A copy that goes its own way. */
  copy(): ExpectedRegistry {
    const copied = new ExpectedRegistry()
    for (const [name, repository] of this.repositories) copied.repositories.set(name, copyOf(repository))
    for (const [name, repository] of this.ever) copied.ever.set(name, copyOf(repository))
    for (const name of this.others) copied.others.add(name)
    return copied
  }

  blobPushed(repository: string, blob: Content): void {
    entryOf(this.repositories, repository).blobs.set(blob.digest, blob)
    entryOf(this.ever, repository).blobs.set(blob.digest, blob)
  }

  manifestPushed(repository: string, manifest: Content, tags: readonly string[]): void {
    for (const entry of [entryOf(this.repositories, repository), entryOf(this.ever, repository)]) {
      entry.manifests.set(manifest.digest, manifest)
      for (const tag of tags) entry.tags.set(tag, manifest.digest)
    }
  }

  tagDeleted(repository: string, tag: string): void {
    this.get(repository).tags.delete(tag)
  }

  /** The tags on it go as well. */
  manifestDeleted(repository: string, digest: string): void {
    const { manifests, tags } = this.get(repository)
    manifests.delete(digest)
    for (const [tag, target] of tags) if (target === digest) tags.delete(tag)
  }

  blobDeleted(repository: string, digest: string): void {
    this.get(repository).blobs.delete(digest)
  }

  repositoryRemoved(repository: string): void {
    this.repositories.delete(repository)
  }

  /** The storage went back to what it was; what came since is asked for and must be gone. */
  putBackTo(older: ExpectedRegistry): void {
    this.repositories.clear()
    for (const [name, repository] of older.repositories) this.repositories.set(name, copyOf(repository))
  }

  /** registry:2's collector took the bytes that no manifest names; without tags, it may have taken manifests first. */
  collected({ deleteUntagged }: { readonly deleteUntagged: boolean }): void {
    for (const { manifests, tags } of this.repositories.values()) {
      const tagged = new Set(tags.values())
      for (const digest of manifests.keys()) if (deleteUntagged && !tagged.has(digest)) manifests.delete(digest)
    }
    const reachable = this.reachable()
    for (const { manifests, blobs } of this.repositories.values()) {
      for (const digest of blobs.keys()) if (!reachable.has(digest)) blobs.delete(digest)
      for (const digest of manifests.keys()) if (!reachable.has(digest)) manifests.delete(digest)
    }
  }

  /** Every manifest that a repository holds, and everything that such a manifest names. */
  reachable(): ReadonlySet<string> {
    const manifests = [...this.repositories.values()].flatMap((repository) => [...repository.manifests.values()])
    return new Set(manifests.flatMap((manifest) => [manifest.digest, ...referencesOf(manifest)]))
  }

  /** In byte order: a repository exists when it holds a manifest. */
  catalog(): readonly string[] {
    const names = [...this.repositories].filter(([, { manifests }]) => manifests.size > 0).map(([name]) => name)
    return [...names, ...this.others].sort(inByteOrder)
  }

  get(repository: string): ExpectedRepository {
    const found = this.repositories.get(repository)
    if (found === undefined) throw new Error(`the test expects no repository ${repository}`)
    return found
  }
}

export function contentsOf(image: Image | ImageIndex): {
  readonly manifests: readonly Content[]
  readonly blobs: readonly Content[]
} {
  if (!('images' in image)) return { manifests: [], blobs: blobsOf(image) }
  return { manifests: image.images.map(({ manifest }) => manifest), blobs: image.images.flatMap(blobsOf) }
}

export function subjectOf(manifest: Content): string | undefined {
  return parse(manifest).subject?.digest
}

export function inByteOrder(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right))
}

interface ParsedManifest {
  readonly config?: { readonly digest: string }
  readonly layers?: readonly { readonly digest: string }[] | null
  readonly manifests?: readonly { readonly digest: string }[]
  readonly subject?: { readonly digest: string }
}

function referencesOf(manifest: Content): readonly string[] {
  const { config, layers, manifests } = parse(manifest)
  return [...(config === undefined ? [] : [config]), ...(layers ?? []), ...(manifests ?? [])].map(({ digest }) => digest)
}

function parse({ bytes }: Content): ParsedManifest {
  return JSON.parse(new TextDecoder().decode(bytes))
}

function entryOf(repositories: Map<string, ExpectedRepository>, name: string): ExpectedRepository {
  const found = repositories.get(name)
  if (found !== undefined) return found
  const added = { tags: new Map(), manifests: new Map(), blobs: new Map() }
  repositories.set(name, added)
  return added
}

function copyOf({ tags, manifests, blobs }: ExpectedRepository): ExpectedRepository {
  return { tags: new Map(tags), manifests: new Map(manifests), blobs: new Map(blobs) }
}
