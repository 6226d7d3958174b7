import type { Digest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import { findRepositoryName, type RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import { attachedIn, isAttachedTag } from '../../oci/tags/attached-tag.ts'
import type { TagSelection } from '../../oci/tags/tag-selection.ts'
import { nameUnknown } from '../../oci/unknown.ts'
import { eachOf } from '../../runtime/each-of.ts'
import { Semaphore } from '../../runtime/semaphore.ts'
import { ImageCarrying } from '../../upstream/carrying/image-carrying.ts'
import type { RateLimit } from '../../upstream/carrying/rate-limit.ts'
import { allTags } from '../../upstream/carrying/registry-names.ts'
import type { Retries } from '../../upstream/carrying/retries.ts'
import type { PushTarget } from '../../upstream/push-target.ts'
import type { Upstream } from '../../upstream/upstream.ts'
import { UpstreamFailure } from '../../upstream/upstream-failure.ts'
import { ImageError } from '../image-error.ts'
import { ImportCarrier, type ImportCarrierOptions } from './import-carrier.ts'

/** What came of a tag. `other`: it is here with another image, and stays. */
export type TagOutcome = 'there' | 'brought' | 'other' | 'failed'

export interface ImportedTag {
  /** By its name here. */
  readonly repository: string
  readonly tag: string
  readonly outcome: TagOutcome
  /** Undefined where it failed, and in a dry run. */
  readonly digest?: Digest | undefined
  /** Why it failed. */
  readonly reason?: string
}

export interface ImportReport {
  readonly onTag: (imported: ImportedTag) => void
  /** A blob that the registry did not have, by the name of its repository here. */
  readonly onSent: (repository: string, blob: { readonly digest: string; readonly size: number }) => void
  /** A repository, by its name there, of which nothing came. */
  readonly onRepository: (repository: string, reason: string) => void
  /** A registry fails, and is asked again after so long. */
  readonly onWait: (why: string, ms: number) => void
}

export interface ImportRunOptions {
  readonly source: Upstream
  readonly target: PushTarget
  /** Names of repositories there. */
  readonly repositories: AsyncIterable<string>
  readonly tags: TagSelection
  /** What stands before each name here; '' for nothing. */
  readonly prefix: string
  readonly moves: boolean
  /** Only what would be done is told. */
  readonly isDry: boolean
  readonly rate: Pick<RateLimit, 'pass'> | undefined
  readonly sourceRetries: Retries
  readonly targetRetries: Retries
  readonly report: ImportReport
  readonly signal: AbortSignal
}

const TAGS_AT_ONCE = 4
const BLOBS_AT_ONCE = 4
/** So many tags fail in a row because a registry is away before the run ends. */
const MOST_OUTAGES = 5

/** Brings the repositories of another registry into this one. What fails is told, and the others come; what is here already is not brought again. */
export class ImportRun {
  readonly #options: ImportRunOptions
  readonly #permits = new Semaphore(BLOBS_AT_ONCE)
  readonly #placed = new Map<Digest, RepositoryName>()
  #outages = 0

  constructor(options: ImportRunOptions) {
    this.#options = options
  }

  /** Throws ImageError where a registry is away, and RegistryError where there is no list of repositories. */
  async run(): Promise<void> {
    const { repositories, report, prefix, signal } = this.#options
    for await (const name of repositories) {
      signal.throwIfAborted()
      const there = findRepositoryName(name)
      const here = findRepositoryName(prefix === '' ? name : `${prefix}/${name}`)
      if (there === undefined || here === undefined) report.onRepository(name, 'its name cannot be one of a repository here')
      else await this.#bringRepository(there, here)
    }
  }

  async #bringRepository(there: RepositoryName, here: RepositoryName): Promise<void> {
    const { report, tags: selection } = this.#options
    let tags: readonly Tag[]
    try {
      tags = await this.#listTags(there)
    } catch (error) {
      return report.onRepository(there, this.#reasonOf(error))
    }
    const carrier = new ImportCarrier(this.#carrierOptions(there, here))
    const carrying = new ImageCarrying({ carrier, attached: attachedIn(tags), platforms: [] })
    const bring = async (tag: Tag) => await this.#bringTag(tag, { here, carrier, carrying })
    await eachOf(selection.choose(tags), TAGS_AT_ONCE, bring)
    if (!selection.isAll) return
    // Those whose image has no tag: the others have come with it.
    const alone = tags.filter((tag) => isAttachedTag(tag) && !carrying.has(tag))
    await eachOf(alone, TAGS_AT_ONCE, bring)
  }

  #carrierOptions(there: RepositoryName, here: RepositoryName): ImportCarrierOptions {
    const { report } = this.#options
    return {
      ...this.#options,
      ...{ there, here, permits: this.#permits, placed: this.#placed },
      onBlob: (descriptor, pushed) => (pushed === 'sent' ? report.onSent(here, descriptor) : undefined),
      onOther: (tag) => report.onTag({ repository: here, tag, outcome: 'other' }),
    }
  }

  async #listTags(there: RepositoryName): Promise<readonly Tag[]> {
    const { source, sourceRetries: retries, signal } = this.#options
    const tags = await allTags(there, { source, retries, signal })
    if (tags === undefined) throw nameUnknown(there)
    return tags
  }

  async #bringTag(tag: Tag, { here, carrier, carrying }: Bringing): Promise<void> {
    const { report, signal } = this.#options
    try {
      report.onTag({ repository: here, tag, ...(await this.#outcomeOf(tag, { here, carrier, carrying })) })
      this.#outages = 0
    } catch (error) {
      signal.throwIfAborted()
      report.onTag({ repository: here, tag, outcome: 'failed', reason: this.#reasonOf(error) })
      if (this.#outages >= MOST_OUTAGES)
        throw new ImageError(`${MOST_OUTAGES} tags in a row have failed: ${this.#reasonOf(error)}`, { cause: error })
    }
  }

  async #outcomeOf(tag: Tag, { carrier, carrying }: Bringing): Promise<Pick<ImportedTag, 'outcome' | 'digest'>> {
    const { isDry, moves, signal } = this.#options
    const held = await carrier.findHere(tag, signal)
    const found = await carrier.findManifest(tag, signal)
    if (found === undefined) throw new ImageError('it has gone there meanwhile')
    const { digest } = found
    const isOther = held !== undefined && held !== digest
    if (isOther && !moves) return { outcome: 'other', digest: held }
    if (!isDry) await carrying.bringTag(tag, signal, found)
    return { outcome: held === digest ? 'there' : 'brought', digest }
  }

  #reasonOf(error: unknown): string {
    if (error instanceof UpstreamFailure && error.mayPass) this.#outages += 1
    if (error instanceof RegistryError || error instanceof ImageError) return error.message
    throw error
  }
}

interface Bringing {
  readonly here: RepositoryName
  readonly carrier: ImportCarrier
  readonly carrying: ImageCarrying
}
