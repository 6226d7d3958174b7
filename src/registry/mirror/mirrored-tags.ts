import type { Log } from '../../observe/log.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { nameUnknown } from '../../oci/unknown.ts'
import type { PulledRegistry } from '../../upstream/upstreams.ts'
import type { Page, PageRequest } from '../content/catalog.ts'
import type { MirrorEvents } from './mirror-events.ts'

/** What lists the tags that are here. */
export interface HeldTags {
  /** Throws NAME_UNKNOWN. */
  listTags(repository: RepositoryName, page: PageRequest): Promise<Page<string>>
}

export interface TagPage extends Page<string> {
  /** The upstream where it did not answer, and only tags that are here are listed. */
  readonly unconfirmedBy?: string
}

export interface MirroredTagsOptions {
  readonly upstream: PulledRegistry
  readonly held: HeldTags
  readonly events: MirrorEvents
  readonly signal: AbortSignal
  readonly log: Log
}

/** A page without a bound is that of an upstream. */
const MOST_IN_PAGE = 5000

/** Lists of tags as clients see them: those of the upstream, or those that are here where it gives none, as in registry:2. */
export class MirroredTags {
  readonly #options: MirroredTagsOptions

  constructor(options: MirroredTagsOptions) {
    this.#options = options
  }

  /** Throws NAME_UNKNOWN where the upstream answers 404 and nothing is here, and UpstreamFailure where nothing is here either. */
  async listTags(repository: RepositoryName, page: PageRequest): Promise<TagPage> {
    const { upstream, held, events, signal, log } = this.#options
    const { last, limit = MOST_IN_PAGE } = page
    let failure: RegistryError
    try {
      const found = await upstream.findTags(repository, { last, limit }, signal)
      if (found !== undefined) return { entries: found.tags, more: found.more }
      failure = nameUnknown(repository)
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error
      failure = error
    }
    try {
      const here = await held.listTags(repository, page)
      log.warn('the upstream lists no tags, those that are here are listed', {
        ...{ upstream: upstream.origin, repository },
        error: failure,
      })
      events.servedStale()
      return { ...here, unconfirmedBy: upstream.origin }
    } catch (error) {
      // That nothing is here says nothing of what is there.
      throw error instanceof RegistryError && error.code === 'NAME_UNKNOWN' ? failure : error
    }
  }
}
