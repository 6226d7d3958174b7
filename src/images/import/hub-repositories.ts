import { ask, PATIENCE } from '../../upstream/exchange.ts'
import { refusal, wrongAnswer } from '../../upstream/upstream-failure.ts'
import { objectIn } from '../files/parsed-json.ts'

const HUB_API = 'https://hub.docker.com'
const IN_PAGE = 100
const MOST_PAGES = 1_000
const MOST_PAGE_BYTES = 4 * 1024 * 1024

/** The public repositories of an organisation, or of a user, of Docker Hub, with its name before theirs. Throws UpstreamFailure. */
export async function* hubRepositories(organisation: string, signal: AbortSignal, api = HUB_API): AsyncGenerator<string> {
  const asked = `Docker Hub (${api})`
  for (let page = 1; page <= MOST_PAGES; page += 1) {
    const url = new URL(`/v2/namespaces/${encodeURIComponent(organisation)}/repositories?page_size=${IN_PAGE}&page=${page}`, api)
    const answer = await ask({ method: 'GET', url, headers: { accept: 'application/json' }, asked, signal }, PATIENCE)
    if (answer.status !== 200) {
      answer.discard()
      throw refusal(asked, answer)
    }
    const { names, isLast } = namesIn(await answer.bytes(MOST_PAGE_BYTES), asked)
    for (const name of names) yield `${organisation}/${name}`
    if (isLast) return
  }
}

function namesIn(bytes: Uint8Array, asked: string): { readonly names: readonly string[]; readonly isLast: boolean } {
  const { results, next } = parsed(bytes)
  const names = Array.isArray(results) ? results.map((result) => objectIn(result).name) : undefined
  if (names?.every((name) => typeof name === 'string')) return { names, isLast: typeof next !== 'string' || names.length === 0 }
  throw wrongAnswer(asked, 'sends what is no list of repositories')
}

function parsed(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    return objectIn(JSON.parse(new TextDecoder().decode(bytes)))
  } catch {
    return {}
  }
}
