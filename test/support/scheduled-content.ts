import { expect } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MINUTE_MS, TEST_POLICY } from './collecting.ts'
import { type PartKind, partsOf, partsOfImage } from './image-parts.ts'
import { blobsOf, type Content } from './images.ts'
import type { Tagged } from './served-by-peer.ts'

/** What a client was told is there, and until when it must be. */
interface Promised {
  readonly repository: string
  readonly digest: string
  readonly kind: PartKind
  readonly untilMs: number
}

/** A tag that leads to something. */
interface Pointing {
  readonly pushed: Tagged
  /** Undefined where nothing is said of when it was pushed. */
  readonly pushedMs: number | undefined
}

/** A tag that was deleted. */
interface Deleted {
  readonly pushed: Tagged
  readonly deletedMs: number
  /** An undelete must bring it back. */
  readonly isDue: boolean
}

/** What the clients of a schedule were told, and what of it must be in the storage. Its clock is moved by the schedule. */
export class ScheduledContent {
  nowMs = 0
  #promises: Promised[] = []
  /** Each by 'repository tag'. */
  readonly #pointing = new Map<string, Pointing>()
  readonly #deleted = new Map<string, Deleted>()
  readonly #root: string

  /** `root`: the data directory. */
  constructor(root: string) {
    this.#root = root
  }

  get tagged(): ReadonlyMap<string, Tagged> {
    return new Map([...this.#pointing].map(([name, { pushed }]) => [name, pushed]))
  }

  promise(repository: string, { digest }: Pick<Content, 'digest'>, kind: PartKind): void {
    this.#promises.push({ repository, digest, kind, untilMs: this.nowMs + TEST_POLICY.windowMs - MINUTE_MS })
  }

  isPromised(repository: string, { digest }: Content, kind: PartKind): boolean {
    return this.#promises.some(
      (other) => other.repository === repository && other.digest === digest && other.kind === kind && other.untilMs >= this.nowMs,
    )
  }

  pushed(repository: string, tag: string, pushed: Tagged): void {
    this.#pointing.set(`${repository} ${tag}`, { pushed, pushedMs: this.nowMs })
    this.#deleted.delete(`${repository} ${tag}`)
  }

  tagDeleted(name: string): void {
    const was = this.#pointing.get(name)
    if (was === undefined) return
    this.#pointing.delete(name)
    this.#deleted.set(name, { pushed: was.pushed, deletedMs: this.nowMs, isDue: true })
  }

  manifestDeleted(repository: string, manifest: Content): void {
    for (const [name, { pushed }] of [...this.#pointing])
      if (name.startsWith(`${repository} `) && pushed.manifest === manifest) this.tagDeleted(name)
    this.#forget(repository, manifest, '_manifests/revisions')
  }

  /** No undelete brings its bytes back: it brings back what needs them only where a client pushes them again. */
  blobDeleted(repository: string, blob: Content): void {
    this.#forget(repository, blob, '_layers')
    for (const [name, deleted] of [...this.#deleted]) {
      const needs = deleted.pushed.images.flatMap(blobsOf).some(({ digest }) => digest === blob.digest)
      if (name.startsWith(`${repository} `) && needs) this.#deleted.set(name, { ...deleted, isDue: false })
    }
  }

  /** Tags that a rule, cut or not, has taken: none but those it is about, none that is younger than it says, and not the last one of its repository. */
  takenByRule(about: RegExp, withinMs: number): readonly string[] {
    const taken = [...this.#pointing.keys()].filter((name) => !this.#isInStorage(name))
    for (const name of taken) {
      expect(name).toMatch(about)
      const { pushedMs } = this.#pointing.get(name) ?? {}
      if (pushedMs !== undefined) expect(this.nowMs - pushedMs).toBeGreaterThanOrEqual(withinMs)
      this.tagDeleted(name)
    }
    const left = new Set([...this.#pointing.keys()].map(repositoryOf))
    expect(taken.filter((name) => !left.has(repositoryOf(name)))).toEqual([])
    return taken
  }

  /** Tags of a repository that an undelete, cut or not, has brought back. One that has come to its end has brought back all that it could. */
  undeleted(repository: string, { isWhole }: { readonly isWhole: boolean }): readonly string[] {
    const [back, late]: [string[], string[]] = [[], []]
    for (const [name, { pushed, deletedMs, isDue }] of this.#deleted) {
      if (!name.startsWith(`${repository} `)) continue
      if (this.#isInStorage(name)) {
        expect([name, readFileSync(this.#linkOf(name), 'utf8')]).toEqual([name, pushed.manifest.digest])
        this.#pointing.set(name, { pushed, pushedMs: undefined })
        this.promise(repository, pushed.manifest, '_manifests/revisions')
        back.push(name)
      } else if (isWhole && isDue && this.nowMs - deletedMs < TEST_POLICY.graceMs - MINUTE_MS) late.push(name)
    }
    expect(late).toEqual([])
    for (const name of back) this.#deleted.delete(name)
    return back
  }

  /** In the storage itself: a request would renew what it asks for. */
  expectPromised(): void {
    this.#promises = this.#promises.filter(({ untilMs }) => untilMs >= this.nowMs)
    for (const { repository, digest, kind } of this.#promises) this.#expectThere(repository, digest, kind)
  }

  expectTagged(): void {
    for (const [name, { pushed }] of this.#pointing) {
      const repository = repositoryOf(name)
      for (const [{ digest }, kind] of [...partsOf(pushed), ...pushed.images.flatMap(partsOfImage)])
        this.#expectThere(repository, digest, kind)
      expect([name, this.#isInStorage(name)]).toEqual([name, true])
    }
  }

  /** Each link is named by a manifest of its repository, and all bytes are linked or those of a manifest. */
  expectNoGarbage(repositories: readonly string[]): void {
    const kept = new Set<string>()
    for (const repository of repositories) {
      const revisions = this.#hexes(join('repositories', repository, '_manifests/revisions/sha256'), 'link')
      const manifests = revisions.map((hex) => readFileSync(this.path(blobPath(hex)), 'utf8'))
      const named = new Set(manifests.flatMap((text) => text.match(/(?<=sha256:)[0-9a-f]{64}/g) ?? []))
      const links = this.#hexes(join('repositories', repository, '_layers/sha256'), 'link')
      expect(links.filter((hex) => !named.has(hex))).toEqual([])
      for (const hex of [...revisions, ...links]) kept.add(hex)
    }
    const stored = this.#list('blobs/sha256').flatMap((shard) => this.#hexes(join('blobs/sha256', shard), 'data'))
    expect(stored.filter((hex) => !kept.has(hex))).toEqual([])
  }

  path(below: string): string {
    return join(this.#root, 'docker/registry/v2', below)
  }

  #forget(repository: string, { digest }: Content, kind: PartKind): void {
    this.#promises = this.#promises.filter(
      (other) => other.repository !== repository || other.digest !== digest || other.kind !== kind,
    )
  }

  #expectThere(repository: string, digest: string, kind: PartKind): void {
    const hex = digest.slice(7)
    const paths = [join('repositories', repository, kind, 'sha256', hex, 'link'), blobPath(hex)]
    expect(paths.filter((path) => !existsSync(this.path(path)))).toEqual([])
  }

  #isInStorage(name: string): boolean {
    return existsSync(this.#linkOf(name))
  }

  #linkOf(name: string): string {
    const [repository = '', tag = ''] = name.split(' ')
    return this.path(join('repositories', repository, '_manifests/tags', tag, 'current/link'))
  }

  #hexes(directory: string, file: string): readonly string[] {
    return this.#list(directory).filter((hex) => existsSync(this.path(join(directory, hex, file))))
  }

  #list(directory: string): readonly string[] {
    return existsSync(this.path(directory)) ? readdirSync(this.path(directory)) : []
  }
}

/** Of a tag by its 'repository tag'. */
function repositoryOf(name: string): string {
  return name.split(' ')[0] ?? ''
}

function blobPath(hex: string): string {
  return join('blobs/sha256', hex.slice(0, 2), hex, 'data')
}
