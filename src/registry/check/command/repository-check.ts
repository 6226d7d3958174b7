import type { Metadata } from '../../../metadata/query.ts'
import type { Digest } from '../../../oci/digest.ts'
import { MAX_MANIFEST_BYTES, type Manifest, parseStoredManifest } from '../../../oci/manifest.ts'
import type { RepositoryName } from '../../../oci/name.ts'
import { findTag, type Tag } from '../../../oci/reference.ts'
import { type StorageDriver, storagePath } from '../../../storage/driver.ts'
import { CURRENT_LINK_FILE, LINK_FILE, layout } from '../../../storage/layout.ts'
import { listDigests } from '../../../storage/layout-walk.ts'
import { FileTooLargeError, StorageFault } from '../../../storage/storage-errors.ts'
import type { StorageView } from '../../heal/storage-view.ts'
import { Rest } from '../../rest.ts'
import type { BlobBytes } from '../blob-bytes.ts'
import type { Finding } from './finding.ts'
import { mayBeAlias, readLinkFile } from './repository-links.ts'
import { type RepositoryRows, readRows } from './repository-rows.ts'

export interface RepositoryCheckOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly view: StorageView
  readonly bytes: BlobBytes
  readonly epoch: number
}

export interface RepositoryCheckRun {
  /** Blobs whose bytes are known to be wrong or unreadable: they have a finding already. */
  readonly bad: ReadonlySet<Digest>
  /** It is pulled from another registry: what a manifest names comes when a client asks for it. */
  readonly isMirror: boolean
  readonly signal: AbortSignal
}

/** Looks at everything that one repository holds in the storage, and compares it with what names it and with the database. Changes nothing. */
export class RepositoryCheck {
  readonly #options: RepositoryCheckOptions

  constructor(options: RepositoryCheckOptions) {
    this.#options = options
  }

  /** What is not as it should be at this moment: a push or a delete under way may be the reason. */
  async examine(repository: RepositoryName, run: RepositoryCheckRun): Promise<readonly Finding[]> {
    try {
      const rows = await readRows(this.#options.metadata.read, repository, this.#options.epoch)
      return await new Examination(this.#options, { repository, rows, ...run }).findings()
    } catch (error) {
      if (!(error instanceof StorageFault)) throw error
      return [{ kind: 'unreadable', repositories: [repository], path: layout.repository(repository) }]
    }
  }
}

interface Examined extends RepositoryCheckRun {
  readonly repository: RepositoryName
  readonly rows: RepositoryRows
}

class Examination {
  readonly #options: RepositoryCheckOptions
  readonly #of: Examined
  readonly #findings: Finding[] = []
  /** Layers that can be pulled. */
  readonly #links = new Set<Digest>()
  /** Layers, manifests and tags that have a finding. */
  readonly #named = new Set<string>()
  readonly #revisions = new Set<Digest>()
  readonly #missing = new Set<Digest>()
  readonly #rest = new Rest()

  constructor(options: RepositoryCheckOptions, of: Examined) {
    this.#options = options
    this.#of = of
  }

  async findings(): Promise<readonly Finding[]> {
    const { repository, rows } = this.#of
    const { storage } = this.#options
    const links = await listDigests(storage, layout.layers(repository))
    await this.#each(union(links, rows.links), (digest) => this.#link(digest))
    const revisions = union(await listDigests(storage, layout.revisions(repository)), rows.manifests)
    await this.#each(revisions, (digest) => this.#revision(digest))
    await this.#each([...this.#revisions], (digest) => this.#manifest(digest))
    const tags = (await storage.list(layout.tags(repository))).flatMap((name) => findTag(name) ?? [])
    await this.#each(union(tags, rows.tags.keys()), (tag) => this.#tag(tag))
    return this.#findings
  }

  async #link(digest: Digest): Promise<void> {
    const { repository, rows } = this.#of
    const found = await readLinkFile(this.#options.storage, layout.layerLink(repository, digest))
    if (found === undefined) return this.#compare(rows.links.has(digest), { concerns: 'layer', digest })
    const { says } = found
    if (says === undefined || (says !== digest && !(await this.#isAlias(digest, says))))
      return this.#add({ kind: 'broken-link', concerns: 'layer', digest })
    if (this.#of.bad.has(says)) return this.#know('layer', digest)
    if ((await this.#options.view.blobSize(says)) === undefined)
      return this.#add({ kind: 'missing-bytes', concerns: 'layer', digest })
    this.#links.add(digest)
    this.#compare(!rows.links.has(digest), { concerns: 'layer', digest })
  }

  async #isAlias(digest: Digest, says: Digest): Promise<boolean> {
    if (!mayBeAlias(digest, says)) return false
    const verdict = await this.#options.bytes.verify(digest, this.#of.signal, says)
    return verdict.kind !== 'damaged'
  }

  async #revision(digest: Digest): Promise<void> {
    const { repository, rows, bad } = this.#of
    const path = storagePath(layout.revision(repository, digest), LINK_FILE)
    const found = await readLinkFile(this.#options.storage, path)
    if (found === undefined) {
      // One without a revision stays known while a tag leads to its bytes, and is not served.
      const isKnown = rows.held.has(digest) || (rows.manifests.has(digest) && !this.#isTagged(digest))
      return this.#compare(isKnown, { concerns: 'manifest', digest })
    }
    this.#revisions.add(digest)
    if (found.says !== digest) this.#add({ kind: 'broken-link', concerns: 'manifest', digest })
    else if (bad.has(digest)) this.#know('manifest', digest)
    else if ((await this.#options.view.blobSize(digest)) === undefined)
      this.#add({ kind: 'missing-bytes', concerns: 'manifest', digest })
    else this.#compare(!rows.manifests.has(digest), { concerns: 'manifest', digest })
  }

  async #manifest(digest: Digest): Promise<void> {
    if (this.#named.has(`manifest ${digest}`)) return
    const manifest = await this.#parsed(digest)
    if (manifest === undefined) return this.#add({ kind: 'not-servable', concerns: 'manifest', digest })
    const { rows, isMirror } = this.#of
    this.#compare(rows.manifests.has(digest) && !rows.held.has(digest), { concerns: 'manifest', digest })
    if (isMirror) return
    for (const { role, descriptor, mayBeAbsent } of manifest.references) {
      const target = descriptor.digest
      if (mayBeAbsent || this.#missing.has(target)) continue
      if (role === 'child' ? this.#revisions.has(target) : this.#links.has(target) || this.#named.has(`layer ${target}`)) continue
      this.#missing.add(target)
      const kind = role === 'child' ? 'missing-child' : 'missing-link'
      this.#add({ kind, concerns: role === 'child' ? 'manifest' : 'layer', digest: target, namedBy: digest })
    }
  }

  async #parsed(digest: Digest): Promise<Manifest | undefined> {
    try {
      const bytes = await this.#options.storage.readSmall(layout.blob(digest), MAX_MANIFEST_BYTES)
      if (bytes === undefined) return undefined
      await this.#rest.after(bytes.length)
      return parseStoredManifest(bytes)
    } catch (error) {
      if (error instanceof FileTooLargeError) return undefined
      throw error
    }
  }

  async #tag(tag: Tag): Promise<void> {
    const { repository, rows, isMirror } = this.#of
    const path = storagePath(layout.tag(repository, tag), CURRENT_LINK_FILE)
    const found = await readLinkFile(this.#options.storage, path)
    if (found === undefined) return this.#compare(rows.tags.has(tag), { concerns: 'tag', tag })
    const { says } = found
    if (says === undefined) return this.#add({ kind: 'broken-link', concerns: 'tag', tag })
    if (!this.#revisions.has(says) && !isMirror) this.#add({ kind: 'dangling-tag', concerns: 'tag', tag, digest: says })
    this.#compare(rows.tags.get(tag) !== says, { concerns: 'tag', tag })
  }

  #isTagged(digest: Digest): boolean {
    for (const other of this.#of.rows.tags.values()) if (other === digest) return true
    return false
  }

  /** A pull would hear something else than the storage says. */
  #compare(differs: boolean, name: Pick<Finding, 'concerns' | 'digest' | 'tag'>): void {
    if (differs && this.#of.rows.isBelieved) this.#tell({ kind: 'stale-row', ...name })
  }

  /** Damaged content is reported once, and not again for each manifest that names it. */
  #add(finding: Omit<Finding, 'repositories'>): void {
    this.#tell(finding)
    this.#know(finding.concerns, finding.digest ?? finding.tag)
  }

  #tell(finding: Omit<Finding, 'repositories'>): void {
    this.#findings.push({ ...finding, repositories: [this.#of.repository] })
  }

  #know(concerns: Finding['concerns'], name: string | undefined): void {
    this.#named.add(`${concerns} ${name}`)
  }

  async #each<Name>(names: readonly Name[], look: (name: Name) => Promise<void>): Promise<void> {
    const atOnce = this.#options.storage.capabilities.questionsAtOnce
    for (let start = 0; start < names.length; start += atOnce) {
      this.#of.signal.throwIfAborted()
      await Promise.all(names.slice(start, start + atOnce).map(look))
      await this.#rest.after(0)
    }
  }
}

function union<Name>(listed: readonly Name[], known: Iterable<Name>): readonly Name[] {
  return [...new Set([...listed, ...known])]
}
