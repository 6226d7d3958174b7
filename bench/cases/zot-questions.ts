import { tagName } from '../stores/layout-store.ts'

/** zot's questions in GraphQL that ask for what Berth's API and its search give, by the figure that they stand for. */
export type Questions = Readonly<Record<string, readonly string[]>>

const ADDRESS = '/v2/_zot/ext/search'
/** What a line of a list shows. */
const REPOSITORY = 'Name LastUpdated Size Platforms { Os Arch } StarCount DownloadCount NewestImage { Tag Title Description }'
const IMAGE = 'Tag Digest MediaType Size LastUpdated DownloadCount IsSigned'
const WHOLE_IMAGE = `${IMAGE} Title Description Manifests { Digest ConfigDigest Size Platform { Os Arch } Layers { Digest Size } History { HistoryDescription { CreatedBy } } }`
/** As `docker search` has it when it says nothing else. */
const FOUND_AT_ONCE = 25
const LISTED_AT_ONCE = 100

/** What `extensions` needs for it. */
export const ZOT_SEARCH = JSON.stringify({ search: { enable: true } })

/** It compares no two images, adds up no bytes that repositories share, knows no activity, and sorts tags neither by version nor by size. */
export function pageQuestions(names: readonly string[], large: string): Questions {
  const of = (question: (name: string, number: number) => string) => names.map((name, number) => asked(question(name, number)))
  const listed = (offset: number) => `requestedPage: {limit: ${LISTED_AT_ONCE}, offset: ${offset}, sortBy: ALPHABETIC_ASC}`
  return {
    list: of((_, number) => {
      return `RepoListWithNewestImage(${listed(number)}) { Page { TotalCount } Results { ${REPOSITORY} } }`
    }),
    found: [asked(found('payment', LISTED_AT_ONCE))],
    repository: of((name) => `ExpandedRepoInfo(repo: ${quoted(name)}) { Summary { ${REPOSITORY} } Images { ${IMAGE} } }`),
    tags: of((name) => `ImageList(repo: ${quoted(name)}, ${listed(0)}) { Results { ${IMAGE} } }`),
    image: of((name) => `Image(image: ${quoted(`${name}:${tagName(0)}`)}) { ${WHOLE_IMAGE} }`),
    large: [asked(`ImageList(repo: ${quoted(large)}, ${listed(500)}) { Results { ${IMAGE} } }`)],
  }
}

/** It looks for one text in the names of repositories; of several words it knows nothing. */
export function searchQuestions(searches: readonly (readonly [key: string, title: string, q: string])[]): Questions {
  const single = searches.filter(([, , q]) => !q.includes('+'))
  return Object.fromEntries(single.map(([key, , q]) => [key, [asked(found(q, FOUND_AT_ONCE))]]))
}

/** Throws when an answer to one question of each figure tells an error, as zot does with status 200. */
export async function expectAnswers(url: string, questions: Questions): Promise<void> {
  for (const [key, [path = '']] of Object.entries(questions)) {
    const response = await fetch(url + path)
    const { errors } = (await response.json()) as { errors?: object }
    if (!response.ok || errors !== undefined) throw new Error(`zot answered ${key} with ${JSON.stringify(errors)}`)
  }
}

function found(text: string, limit: number): string {
  return `GlobalSearch(query: ${quoted(text)}, requestedPage: {limit: ${limit}, offset: 0, sortBy: RELEVANCE}) { Page { TotalCount } Repos { ${REPOSITORY} } }`
}

function asked(question: string): string {
  return `${ADDRESS}?query=${encodeURIComponent(`{ ${question} }`)}`
}

function quoted(text: string): string {
  return JSON.stringify(text)
}
