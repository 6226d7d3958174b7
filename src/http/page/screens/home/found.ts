import { findDigest } from '../../../../oci/digest.ts'
import { findRepositoryName } from '../../../../oci/name.ts'
import { findTag, type Reference } from '../../../../oci/reference.ts'
import { MOST_FOUND } from '../../../../registry/search/search.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import type { Call } from '../../../call.ts'
import { shownNames } from '../../../shown-names.ts'
import { pageResponse } from '../../document.ts'
import type { RepositoriesPage } from '../../page-routes.ts'
import { referenceText, type Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { type Html, html } from '../../text/html.ts'
import { countText, shortDigest } from '../../text/words.ts'
import { repositoryTable } from './table.ts'

const ROWS = 100
const MOST_HOLDERS = 50

/** What a search finds: repositories by words, and what these words name by themselves, an image or a digest. */
export async function showFound(call: Call<RepositoriesPage>, words: string): Promise<PlainResponse> {
  const site = siteOf(call)
  const page = pageNumber(call.route.query)
  const { total, found } = await call.registry.search.find(
    words,
    { first: (page - 1) * ROWS, count: ROWS },
    shownNames(call.permit),
  )
  const named = [await holdersOf(call, site, words), namedImage(call, site, words)].filter((part) => part !== undefined)
  const link = (number: number) => site.repositories({ q: words, page: number === 1 ? undefined : number })
  const count = total < MOST_FOUND ? countText(total, 'repository', 'repositories') : `${MOST_FOUND} repositories or more`
  const rows = found.map(({ name, description, stars }) => ({ kind: 'repository' as const, name, description, stars }))
  const isNothing = rows.length === 0 && named.length === 0
  const main = html`<div class="sorts"><h1>${words}</h1><span class="quiet">${count}</span></div>
${named}
${isNothing && html`<p>No repository has ${words} in its name, its title, its description or its labels. <a href="${site.repositories()}">All repositories</a></p>`}
${rows.length > 0 && repositoryTable(site, rows)}
${(page > 1 || page * ROWS < total) && html`<nav class="more" aria-label="Pages">${page > 1 && html`<a rel="prev" href="${link(page - 1)}">Previous</a>`}${page * ROWS < total && html`<a rel="next" href="${link(page + 1)}">Next ${ROWS}</a>`}</nav>`}`
  return await pageResponse(site, { title: words, main, searched: words, answersWhileTyping: true })
}

/** From 1; what is no number is 1. */
function pageNumber(query: URLSearchParams): number {
  const number = Number(query.get('page'))
  return Number.isInteger(number) && number >= 1 ? Math.min(number, MOST_FOUND) : 1
}

/** The repositories that have a manifest whose digest begins so; undefined where the words are no digest, or no manifest has it. */
async function holdersOf(call: Call<RepositoriesPage>, site: Site, words: string): Promise<Html | undefined> {
  const [, algorithm = 'sha256', digits] = /^(?:(sha256|sha512):)?([0-9a-f]{12,128})$/.exec(words) ?? []
  if (digits === undefined) return undefined
  const begin = `${algorithm}:${digits}`
  const shown = shownNames(call.permit)
  const holders = await call.registry.shown.holders.of({
    begin,
    limit: MOST_HOLDERS,
    isShown: shown && ((name) => shown.fits(name)),
  })
  if (holders.length === 0) return undefined
  const rows = holders.map(
    ({ repository, digest }) =>
      html`<tr><td class="name"><a href="${site.image(repository, digest)}"><code>${repository}@${shortDigest(digest)}</code></a></td></tr>
`,
  )
  return html`<table class="rows"><thead><tr><th scope="col">Repositories that have this manifest</th></tr></thead><tbody>${rows}</tbody></table>`
}

/** What `docker pull` takes, without the registry or with it. */
function namedImage({ permit }: Call<RepositoriesPage>, site: Site, words: string): Html | undefined {
  const text = words.startsWith(`${site.host}/`) ? words.slice(site.host.length + 1) : words
  const [, name = '', digest, tag] = /^([a-z0-9._/-]+)(?:@(.+)|:([^/]+))$/.exec(text) ?? []
  const repository = findRepositoryName(name)
  const reference: Reference | undefined = findDigest(digest ?? '') ?? findTag(tag ?? '')
  if (repository === undefined || reference === undefined || !permit.may('pull', repository)) return undefined
  return html`<p>The image <a href="${site.image(repository, reference)}"><code>${referenceText(repository, reference)}</code></a>, if it is there</p>`
}
