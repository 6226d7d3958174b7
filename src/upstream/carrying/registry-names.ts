import type { RepositoryName } from '../../oci/name.ts'
import { parseTag, type Tag } from '../../oci/reference.ts'
import type { RepositoryGlob } from '../../oci/repository-glob.ts'
import { wrongAnswer } from '../upstream-failure.ts'
import type { PulledRegistry } from '../upstreams.ts'
import type { Retries } from './retries.ts'

export interface NamesOptions {
  readonly source: Pick<PulledRegistry, 'asked' | 'findRepositories' | 'findTags'>
  readonly retries: Retries
  readonly signal: AbortSignal
}

const MOST_REPOSITORIES = 1_000_000
const TAGS_IN_PAGE = 1000
/** Of one repository; they are held in memory. */
const MOST_TAGS = 500_000

/**
 * The names that patterns mean, out of a list that is asked for where one has a star: some registries list nothing, or not to every user. None of them may
 * be a name here.
 */
export async function* meantNames(
  patterns: readonly RepositoryGlob[],
  listed: () => AsyncIterable<string>,
): AsyncGenerator<string> {
  const written = patterns.map(String).filter((text) => !text.includes('*'))
  yield* written
  if (patterns.length > 0 && written.length === patterns.length) return
  for await (const name of listed())
    if (!written.includes(name) && (patterns.length === 0 || patterns.some((glob) => glob.fits(name)))) yield name
}

/** Every name that a registry lists. Throws UpstreamFailure, also where it has no such list. */
export async function* listedNames({ source, retries, signal }: NamesOptions): AsyncGenerator<string> {
  let names = 0
  for (let after: string | undefined; ; ) {
    const page = await retries.run(() => source.findRepositories(after, signal), signal)
    if (page === undefined) throw wrongAnswer(source.asked, 'gives no list of its repositories (404)')
    yield* page.names
    names += page.names.length
    after = page.next
    if (after === undefined) return
    if (names > MOST_REPOSITORIES) throw wrongAnswer(source.asked, 'gives a list of repositories that does not end')
  }
}

/** All tags of a repository; undefined where there is no such repository. Throws UpstreamFailure. */
export async function allTags(
  repository: RepositoryName,
  { source, retries, signal }: NamesOptions,
): Promise<readonly Tag[] | undefined> {
  const tags: string[] = []
  for (let more = true; more; ) {
    const page = { last: tags.at(-1), limit: TAGS_IN_PAGE }
    const found = await retries.run(() => source.findTags(repository, page, signal), signal)
    if (found === undefined && tags.length === 0) return undefined
    tags.push(...(found?.tags ?? []))
    more = found?.more ?? false
    if (tags.length > MOST_TAGS) throw wrongAnswer(source.asked, `lists more than ${MOST_TAGS} tags of ${repository}`)
  }
  return tags.map(parseTag)
}
