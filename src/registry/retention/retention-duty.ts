import { forgetUntagged, listNotedUntagged, noteUntagged } from '../../metadata/keeping/times.ts'
import type { Metadata } from '../../metadata/query.ts'
import { ownWork } from '../../observe/actor.ts'
import type { Log } from '../../observe/log.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Reference, Tag } from '../../oci/reference.ts'
import { slicesOf } from '../../retention/turns.ts'
import { untilAborted } from '../../runtime/until-aborted.ts'
import { SENTENCES } from '../collect/collector-duty.ts'
import type { Waits, Whether } from '../collect/whether.ts'
import type { ManifestStore } from '../content/manifest-store.ts'
import { Removing } from '../deleting/removing.ts'
import { Rest } from '../rest.ts'
import type { RepositoryDecisions, RetentionLook } from './retention-look.ts'

const DAY_MS = 24 * 60 * 60 * 1000
/** So many names stand in a line of the log. */
const NAMED_AT_MOST = 5

export interface RetentionDutyOptions {
  readonly look: RetentionLook
  readonly manifests: Pick<ManifestStore, 'delete'>
  readonly whether: Pick<Whether, 'waits'>
  readonly metadata: Metadata
  readonly graceMs: number
  /** The rules are only shown. */
  readonly dryRun: boolean
  readonly log: Log
}

/** What one pass of the rules came to. */
interface Pass {
  repositories: number
  tags: number
  manifests: number
  /** They changed since they were looked at, and are looked at again in the next pass. */
  left: number
  readonly braked: RepositoryName[]
}

/**
 * Removes what the rules let go, as a client's DELETE does, or says in the log what it would remove. Waits where the collector waits: rules
 * are no surer of the storage than that is.
 */
export class RetentionDuty {
  readonly #options: RetentionDutyOptions
  #waits: Waits | undefined
  #told: string | undefined
  #toldAtMs = 0

  constructor(options: RetentionDutyOptions) {
    this.#options = options
  }

  async run(signal: AbortSignal): Promise<void> {
    await untilAborted(signal, () => this.#run(signal))
  }

  async #run(signal: AbortSignal): Promise<void> {
    const pass: Pass = { repositories: 0, tags: 0, manifests: 0, left: 0, braked: [] }
    if (await this.#mustWait()) return
    for await (const repository of this.#options.look.repositories(signal, { onlyRuled: true })) {
      await this.#noteUntagged(repository)
      const { tags, manifests, isBraked } = await goingOf(repository)
      if (isBraked) pass.braked.push(repository.name)
      if (tags.length + manifests.length === 0) continue
      if (this.#options.dryRun) {
        pass.repositories += 1
        pass.tags += tags.length
        pass.manifests += manifests.length
      } else if (await this.#mustWait()) return
      else await this.#remove(repository, [...tags, ...manifests], pass, signal)
    }
    this.#tell(pass)
  }

  async #mustWait(): Promise<boolean> {
    const { whether, graceMs, log } = this.#options
    const waits = await whether.waits(graceMs)
    const isNews = waits !== this.#waits
    this.#waits = waits
    if (isNews && waits !== undefined) log.info('the rules for tags wait', { reason: waits, because: SENTENCES[waits] })
    return waits !== undefined
  }

  async #remove(
    { name, asOf }: RepositoryDecisions,
    going: readonly Reference[],
    pass: Pass,
    signal: AbortSignal,
  ): Promise<void> {
    const { manifests, log } = this.#options
    const removed: Reference[] = []
    const told = (_: RepositoryName, reference: Reference) => removed.push(reference)
    const removing = new Removing(manifests, { actor: ownWork('retention'), isForced: false, asOf, signal, told })
    try {
      await removing.each(name, going)
    } finally {
      const { tags, manifests: untagged, changed, kept } = removing.deleted
      pass.repositories += 1
      pass.tags += tags
      pass.manifests += untagged
      pass.left += changed + kept
      if (removed.length > 0)
        log.info('removed what the rules for tags let go', {
          ...{ repository: name, tags, manifests: untagged, first: removed.slice(0, NAMED_AT_MOST) },
        })
    }
  }

  /** From when on a manifest has no tag is known by the first pass that finds it so. Children and referrers go with their image. */
  async #noteUntagged({ id, untagged }: RepositoryDecisions): Promise<void> {
    const { metadata } = this.#options
    const alone = new Set<Digest>()
    const rest = new Rest()
    for await (const slice of slicesOf(untagged, () => rest.after(0))) {
      const digests = slice.flatMap(({ about }) => (about.isChild || about.isReferrer ? [] : [about]))
      for (const { digest } of digests) alone.add(digest)
      const unknown = digests.flatMap(({ digest, untaggedSinceMs }) => (untaggedSinceMs === undefined ? [digest] : []))
      if (unknown.length > 0) await metadata.write((query) => noteUntagged(query, id, unknown))
    }
    for (let last: string | undefined = ''; last !== undefined; ) {
      const noted = await listNotedUntagged(metadata.read, id, last)
      const others = noted.filter((digest) => !alone.has(digest))
      if (others.length > 0) await metadata.write((query) => forgetUntagged(query, id, others))
      last = noted.at(-1)
      await rest.after(0)
    }
  }

  /** Once where it differs from what was said before, and once a day. */
  #tell({ braked, ...pass }: Pass): void {
    const { log, dryRun } = this.#options
    const said = JSON.stringify([pass, braked])
    const nowMs = performance.now()
    const isNews = said !== this.#told || nowMs - this.#toldAtMs >= DAY_MS
    this.#told = said
    if (!isNews) return
    this.#toldAtMs = nowMs
    if (braked.length > 0)
      log.error('a rule would take every tag of these repositories, and takes none of them', {
        ...{ repositories: braked.length, first: braked.slice(0, NAMED_AT_MOST), removes: 'berth delete' },
      })
    if (!dryRun || pass.tags + pass.manifests === 0) return
    const { repositories, tags, manifests } = pass
    log.info('the rules for tags would remove this, and only say so', {
      ...{ repositories, tags, manifests, shows: 'berth retention preview', removes: 'retention.dryrun: false' },
    })
  }
}

interface Going {
  readonly tags: readonly Tag[]
  readonly manifests: readonly Digest[]
  /** A rule would take every tag, and takes none. */
  readonly isBraked: boolean
}

async function goingOf({ tags, untagged }: RepositoryDecisions): Promise<Going> {
  const rest = new Rest()
  const turn = () => rest.after(0)
  const going = { tags: [] as Tag[], manifests: [] as Digest[] }
  let isBraked = false
  for await (const slice of slicesOf(tags, turn)) {
    for (const { goes, about, because } of slice) {
      if (goes) going.tags.push(about.name)
      if (because.kind === 'every tag') isBraked = true
    }
  }
  for await (const slice of slicesOf(untagged, turn))
    for (const { goes, about } of slice) if (goes) going.manifests.push(about.digest)
  return { ...going, isBraked }
}
