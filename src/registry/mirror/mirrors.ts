import type { RepositoryName } from '../../oci/name.ts'
import type { UploadState } from '../../storage/driver.ts'
import type { Mirror, MirrorSource } from './mirror.ts'
import { MirrorNames, type NamedMirror } from './mirror-names.ts'
import type { MirrorSpace } from './space/mirror-space.ts'
import type { MirrorSyncs } from './sync/mirror-syncs.ts'
import type { SyncedMirror } from './sync/sync-run.ts'

/** A mirror below a prefix. */
export interface PrefixSource extends NamedMirror {
  readonly source: MirrorSource
}

/** What a registry has of others: everything of one, or repositories below prefixes beside its own. */
export interface MirrorSources {
  /** The whole registry is a cache of it. */
  readonly whole?: MirrorSource | undefined
  readonly prefixes: readonly PrefixSource[]
}

/** The mirrors of a registry. */
export class Mirrors {
  readonly names: MirrorNames<NamedMirror & { readonly mirror: Mirror }>
  /** Those that bring something unasked. */
  readonly synced: readonly SyncedMirror[]
  /** What brings it; undefined where none does. */
  readonly syncs: MirrorSyncs | undefined
  readonly #whole: Mirror | undefined
  readonly #all: readonly Mirror[]

  /** `create` is given the prefix of a mirror, or '' for that of the whole registry. */
  constructor(
    { whole, prefixes }: MirrorSources,
    create: (source: MirrorSource, prefix: string) => Mirror,
    createSyncs: (mirrors: readonly SyncedMirror[]) => MirrorSyncs,
  ) {
    const named = prefixes.map(({ source, ...name }) => ({ ...name, source, mirror: create(source, name.prefix) }))
    this.#whole = whole && create(whole, '')
    this.names = new MirrorNames(named)
    this.synced = named.flatMap(({ prefix, repositories, mirror, source: { upstream, sync } }) => {
      const isMirrored = (there: string) => repositories.length === 0 || repositories.some((glob) => glob.fits(there))
      return sync === undefined ? [] : [{ prefix, mirror, upstream, isMirrored, rule: sync }]
    })
    this.syncs = this.synced.length === 0 ? undefined : createSyncs(this.synced)
    this.#all = [...(this.#whole === undefined ? [] : [this.#whole]), ...named.map(({ mirror }) => mirror)]
  }

  /** What answers pulls from a repository; undefined: it has its own content alone. */
  of(repository: RepositoryName): Mirror | undefined {
    return this.#whole ?? this.names.find(repository)?.mirror
  }

  /** What keeps them within their limits. */
  get spaces(): readonly MirrorSpace[] {
    return this.#all.flatMap(({ space }) => space ?? [])
  }

  /** Whether a fetch of this process writes to the file of an upload. */
  isOpen(state: UploadState): boolean {
    return this.#all.some((mirror) => mirror.isOpen(state))
  }

  /** Breaks off what is under way. Requests that wait for it hear why. */
  end(): void {
    for (const mirror of this.#all) mirror.end()
  }

  /** The same, and resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    await Promise.all(this.#all.map((mirror) => mirror.stop()))
  }
}
