import { createHash } from 'node:crypto'
import { type Digest, parseDigest } from '../../src/oci/digest.ts'
import { type StorageDriver, type StoragePath, storagePath } from '../../src/storage/driver.ts'

/** What other registries, and accidents, leave below docker/registry/v2: content that Berth does not serve, or not all of it, and yet is needed. */
export interface OpaqueStorage {
  readonly repositories: readonly OpaqueRepository[]
  /** A layer with a link that nothing names: all that a collector may take. */
  readonly garbage: { readonly repository: string; readonly digest: Digest }
  /** Every file by its path below the root of the storage. */
  readonly files: ReadonlyMap<StoragePath, string>
}

export interface OpaqueRepository {
  readonly story: Story
  readonly name: string
  /** What the tag v1 names. */
  readonly manifest: string
  /** The bytes that must stay, by the digests under which they are stored. */
  readonly blobs: readonly Digest[]
  /** What the manifest names. */
  readonly named: readonly Digest[]
}

export type Story = keyof typeof STORIES

/** One repository of each story, each with a layer and a config of its own. */
export function makeOpaqueStorage({ without = [] }: { readonly without?: readonly Story[] } = {}): OpaqueStorage {
  const files: Files = new Map()
  const stories = (Object.keys(STORIES) as Story[]).filter((story) => !without.includes(story))
  const repositories = stories.map((story) => ({ story, ...STORIES[story](new Writer(files, story)) }))
  const garbage = new Writer(files, 'app').layer('garbage')
  return { repositories, garbage: { repository: 'app', digest: garbage }, files }
}

export async function placeOpaqueStorage(storage: Pick<StorageDriver, 'place'>, { files }: OpaqueStorage): Promise<void> {
  for (const [path, text] of files) {
    const slash = path.lastIndexOf('/')
    const file = { name: path.slice(slash + 1), bytes: new TextEncoder().encode(text) }
    await storage.place([{ directory: storagePath(path.slice(0, slash)), files: [file] }])
  }
}

/** Stories by the name of their repository. */
const STORIES = {
  /** An image of schema 1, as old Dockers pushed it; without a signature, which a registry that serves it asks for. */
  schema1: (writer: Writer) => {
    const layer = writer.layer('layer')
    const manifest = writer.manifest({
      ...{ schemaVersion: 1, name: 'schema1', tag: 'v1', architecture: 'amd64', fsLayers: [{ blobSum: layer }] },
      ...{ history: [{ v1Compatibility: '{}' }], signatures: [] },
    })
    return writer.whole(manifest, [layer])
  },
  /** An OCI artifact manifest, which a release candidate of the specification had. */
  artifact: (writer: Writer) => {
    const layer = writer.layer('layer')
    const blobs = [{ mediaType: 'text/plain', digest: layer, size: 3 }]
    const manifest = writer.manifest({ mediaType: 'application/vnd.oci.artifact.manifest.v1+json', artifactType: 'x', blobs })
    return writer.whole(manifest, [layer])
  },
  /** The link of the revision is empty: a power cut. */
  cut: (writer: Writer) => {
    const { manifest, named } = writer.image()
    writer.revision(manifest, '')
    writer.tag(manifest)
    return writer.described(manifest, named)
  },
  /** One bit of the manifest is another one. */
  rot: (writer: Writer) => {
    const { manifest, named, text } = writer.image()
    writer.blob(text.replace('schemaVersion', 'schemaVersioo'), { storedAs: manifest })
    return { ...writer.whole(manifest, named), named: [] }
  },
  /** The bytes of the manifest have gone. */
  lost: (writer: Writer) => {
    const { manifest, named } = writer.image({ isStored: false })
    return { ...writer.whole(manifest, named), blobs: named }
  },
  /** The link of the revision has gone, and a tag names it. */
  tagged: (writer: Writer) => {
    const { manifest, named } = writer.image()
    writer.tag(manifest)
    return writer.described(manifest, named)
  },
  /** A name that registry:2 takes and Berth does not. */
  'Team/App': (writer: Writer) => {
    const { manifest, named } = writer.image()
    return writer.whole(manifest, named)
  },
  /** An algorithm that registry:2 takes and Berth does not. */
  sha384: (writer: Writer) => {
    const { text, named } = writer.image({ isStored: false })
    const hex = hash('sha384', text)
    writer.file(`blobs/sha384/${hex.slice(0, 2)}/${hex}/data`, text)
    writer.revision(`sha384:${hex}`)
    writer.tag(`sha384:${hex}`)
    return { name: 'sha384', manifest: `sha384:${hex}`, blobs: named, named }
  },
  /** The manifest names a layer by its sha512, which is a link to the bytes under their sha256. */
  alias: (writer: Writer) => {
    const layer = writer.layer('layer')
    const alias = parseDigest(`sha512:${hash('sha512', writer.textOf('layer'))}`)
    writer.link(alias, layer)
    const config = writer.layer('config')
    const manifest = writer.manifest(imageOf(config, alias))
    return { ...writer.whole(manifest, [config, layer]), named: [config, alias] }
  },
  /** Nothing is wrong with it. */
  app: (writer: Writer) => {
    const { manifest, named } = writer.image()
    return writer.whole(manifest, named)
  },
} as const

type Files = Map<StoragePath, string>

/** Writes the files of one repository. */
class Writer {
  readonly #files: Files
  readonly #repository: string

  constructor(files: Files, repository: string) {
    this.#files = files
    this.#repository = repository
  }

  file(path: string, text: string): void {
    this.#files.set(storagePath('docker/registry/v2', path), text)
  }

  blob(text: string, { storedAs = `sha256:${hash('sha256', text)}` }: { readonly storedAs?: string } = {}): Digest {
    const digest = parseDigest(storedAs)
    const hex = digest.slice('sha256:'.length)
    this.file(`blobs/sha256/${hex.slice(0, 2)}/${hex}/data`, text)
    return digest
  }

  textOf(what: string): string {
    return `${what} of ${this.#repository}`
  }

  layer(what: string): Digest {
    const digest = this.blob(this.textOf(what))
    this.link(digest)
    return digest
  }

  link(digest: Digest, target = digest): void {
    this.#inRepository(`_layers/${digest.replace(':', '/')}/link`, target)
  }

  manifest(document: object): Digest {
    return this.blob(JSON.stringify(document))
  }

  revision(digest: string, text: string = digest): void {
    this.#inRepository(`_manifests/revisions/${digest.replace(':', '/')}/link`, text)
  }

  tag(digest: string): void {
    this.#inRepository('_manifests/tags/v1/current/link', digest)
    this.#inRepository(`_manifests/tags/v1/index/${digest.replace(':', '/')}/link`, digest)
  }

  /** A schema 2 image; the caller links it. */
  image({ isStored = true }: { readonly isStored?: boolean } = {}) {
    const config = this.layer('config')
    const layer = this.layer('layer')
    const text = JSON.stringify(imageOf(config, layer))
    const manifest = `sha256:${hash('sha256', text)}`
    if (isStored) this.blob(text)
    return { text, manifest: parseDigest(manifest), named: [config, layer] }
  }

  whole(manifest: Digest, named: readonly Digest[]): Omit<OpaqueRepository, 'story'> {
    this.revision(manifest)
    this.tag(manifest)
    return this.described(manifest, named)
  }

  described(manifest: Digest, named: readonly Digest[]): Omit<OpaqueRepository, 'story'> {
    return { name: this.#repository, manifest, blobs: [manifest, ...named], named }
  }

  #inRepository(path: string, text: string): void {
    this.file(`repositories/${this.#repository}/${path}`, text)
  }
}

function imageOf(config: string, layer: string): object {
  const docker = 'application/vnd.docker'
  return {
    schemaVersion: 2,
    mediaType: `${docker}.distribution.manifest.v2+json`,
    config: { mediaType: `${docker}.container.image.v1+json`, digest: config, size: 10 },
    layers: [{ mediaType: `${docker}.image.rootfs.diff.tar.gzip`, digest: layer, size: 10 }],
  }
}

function hash(algorithm: string, text: string): string {
  return createHash(algorithm).update(text).digest('hex')
}
