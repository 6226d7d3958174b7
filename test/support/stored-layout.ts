import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256, sha512 } from './images.ts'
import { blobKey, GONE, manifestKey, partsOf, type Shown, THERE, tagKey } from './shown.ts'

const ROOT = 'docker/registry/v2'
const ALGORITHM = '(sha256|sha512)'
const DIGEST_PATH = `${ALGORITHM}/([0-9a-f]{64}|[0-9a-f]{128})`
const NAME = '((?:[a-z0-9][a-z0-9._-]*/)*?[a-z0-9][a-z0-9._-]*)'

/** Every file that registry:2 knows. Nothing else may lie below docker/registry/v2. */
const FILES = {
  blob: new RegExp(`^blobs/${ALGORITHM}/([0-9a-f]{2})/([0-9a-f]+)/data$`),
  layer: new RegExp(`^repositories/${NAME}/_layers/${DIGEST_PATH}/link$`),
  revision: new RegExp(`^repositories/${NAME}/_manifests/revisions/${DIGEST_PATH}/link$`),
  current: new RegExp(`^repositories/${NAME}/_manifests/tags/([^/]+)/current/link$`),
  index: new RegExp(`^repositories/${NAME}/_manifests/tags/([^/]+)/index/${DIGEST_PATH}/link$`),
} as const

const TAG_DIRECTORY = new RegExp(`^repositories/${NAME}/_manifests/tags/([^/]+)$`)
const DIGEST_DIRECTORY = /(?:^|\/)(?:blobs\/(?:sha256|sha512)\/[0-9a-f]{2}|(?:sha256|sha512))\/[0-9a-f]{64,128}$/

/** A data directory as registry:2 reads it, read without a line of Berth's. */
export class StoredLayout {
  readonly shown: Shown
  readonly problems: readonly string[]
  /** Digests of the blobs whose bytes are not theirs. */
  readonly damaged: ReadonlySet<string>

  constructor(dataDirectory: string) {
    const root = join(dataDirectory, ROOT)
    const entries = existsSync(root) ? readdirSync(root, { recursive: true, withFileTypes: true }) : []
    const paths = entries.map((entry) => ({
      path: join(entry.parentPath, entry.name).slice(root.length + 1),
      isDirectory: entry.isDirectory(),
    }))
    const files = paths.filter(({ isDirectory }) => !isDirectory).map(({ path }) => path)
    const directories = paths.filter(({ isDirectory }) => isDirectory).map(({ path }) => path)
    const reader = new LayoutReader(root)
    for (const file of files) reader.read(file)
    reader.expectWhole(new Set(files), directories)
    this.shown = reader.shown()
    this.problems = reader.problems
    this.damaged = reader.damaged
  }

  /** The value for each of the names. */
  showing(keys: Iterable<string>): Shown {
    return new Map([...keys].map((key) => [key, this.shown.get(key) ?? GONE]))
  }
}

class LayoutReader {
  readonly problems: string[] = []
  readonly damaged = new Set<string>()
  readonly #root: string
  readonly #blobs = new Set<string>()
  readonly #layers = new Map<string, string>()
  readonly #revisions = new Map<string, string>()
  readonly #tags = new Map<string, string>()

  constructor(root: string) {
    this.#root = root
  }

  read(path: string): void {
    const [kind, match] = this.#kindOf(path)
    if (kind === undefined) this.problems.push(`${path} is nothing that registry:2 knows`)
    else if (kind === 'blob') this.#readBlob(path, `${match[1]}:${match[3]}`)
    else this.#readLink(kind, path, match)
  }

  expectWhole(files: ReadonlySet<string>, directories: readonly string[]): void {
    for (const directory of directories) {
      if (TAG_DIRECTORY.test(directory) && !files.has(`${directory}/current/link`))
        this.problems.push(`${directory} has no current/link`)
      const file = directory.startsWith('blobs/') ? 'data' : 'link'
      if (DIGEST_DIRECTORY.test(directory) && !files.has(`${directory}/${file}`))
        this.problems.push(`${directory} has no ${file}`)
    }
    for (const [key, digest] of this.#revisions) {
      if (!this.#blobs.has(digest)) this.problems.push(`${key} has no bytes`)
      const folder = `repositories/${partsOf(key).repository}`
      for (const name of ['_layers', '_manifests/revisions', '_manifests/tags']) {
        if (!directories.includes(`${folder}/${name}`)) this.problems.push(`${folder} holds a manifest and has no ${name}`)
      }
    }
    for (const [key, digest] of this.#tags) {
      if (!this.#revisions.has(manifestKey(partsOf(key).repository, digest)))
        this.problems.push(`${key} names ${digest}, of which there is no revision`)
    }
  }

  shown(): Shown {
    const isWhole = (digest: string) => this.#blobs.has(digest) && !this.damaged.has(digest)
    const shown = new Map<string, string>()
    for (const [key, digest] of this.#layers) if (isWhole(digest)) shown.set(key, THERE)
    for (const [key, digest] of this.#revisions) if (isWhole(digest)) shown.set(key, THERE)
    for (const [key, digest] of this.#tags) {
      if (shown.get(manifestKey(partsOf(key).repository, digest)) === THERE) shown.set(key, digest)
    }
    return shown
  }

  #kindOf(path: string): readonly [kind: keyof typeof FILES | undefined, match: RegExpExecArray] {
    for (const [kind, pattern] of Object.entries(FILES)) {
      const match = pattern.exec(path)
      if (match !== null) return [kind as keyof typeof FILES, match]
    }
    return [undefined, /^/.exec('') as RegExpExecArray]
  }

  #readBlob(path: string, digest: string): void {
    const bytes = readFileSync(join(this.#root, path))
    this.#blobs.add(digest)
    const actual = digest.startsWith('sha512:') ? sha512(bytes) : sha256(bytes)
    if (actual === digest) return
    this.damaged.add(digest)
    this.problems.push(`${path} has ${bytes.length} bytes of ${actual}`)
  }

  #readLink(kind: 'layer' | 'revision' | 'current' | 'index', path: string, match: RegExpExecArray): void {
    const [, repository = '', second = '', third = '', fourth = ''] = match
    const target = readFileSync(join(this.#root, path), 'utf8')
    const own = kind === 'index' ? `${third}:${fourth}` : `${second}:${third}`
    const isDigest = /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.test(target)
    if (!isDigest || (kind !== 'current' && target !== own)) {
      this.problems.push(`${path} holds ${JSON.stringify(target)}`)
      return
    }
    if (kind === 'layer') this.#layers.set(blobKey(repository, own), target)
    if (kind === 'revision') this.#revisions.set(manifestKey(repository, own), target)
    if (kind === 'current') this.#tags.set(tagKey(repository, second), target)
  }
}
