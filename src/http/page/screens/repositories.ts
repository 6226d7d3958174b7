import { RegistryError } from '../../../oci/errors.ts'
import { MOST_FOUND } from '../../../registry/search/search.ts'
import type { PlainResponse } from '../../answer/responses.ts'
import type { Call } from '../../call.ts'
import { shownNames } from '../../shown-names.ts'
import { pageResponse } from '../document.ts'
import { type Html, html } from '../html.ts'
import type { RepositoriesPage } from '../page-routes.ts'
import type { Site } from '../site.ts'
import { siteOf } from '../site-of.ts'
import { type Entry, treePage } from '../tree.ts'
import { countText } from '../words.ts'
import { firstPush } from './first-push.ts'

const ROWS = 100
const MAX_WORDS = 200

/** Repositories: those that a search finds, or all below a folder. */
export async function showRepositories(call: Call<RepositoriesPage>): Promise<PlainResponse> {
  const { query, below } = call.route
  const words = (query.get('q') ?? '').trim().slice(0, MAX_WORDS)
  return words === '' ? await showTree(call, below) : await showFound(call, words)
}

async function showFound(call: Call<RepositoriesPage>, words: string): Promise<PlainResponse> {
  const site = siteOf(call)
  const page = pageNumber(call.route.query)
  const { total, found } = await call.registry.search.find(
    words,
    { first: (page - 1) * ROWS, count: ROWS },
    shownNames(call.permit),
  )
  const link = (number: number) => site.repositories({ q: words, page: number === 1 ? undefined : number })
  const count = total < MOST_FOUND ? countText(total, 'repository', 'repositories') : `${MOST_FOUND} repositories or more`
  const main = html`<div class="sorts"><h1>${words}</h1><span class="quiet">${count}</span></div>
${
  found.length === 0
    ? html`<p>No repository has ${words} in its name, its title, its description or its labels. <a href="${site.repositories()}">All repositories</a></p>`
    : table(
        site,
        found.map(({ name, description }) => ({ kind: 'repository', name, description })),
      )
}
${(page > 1 || page * ROWS < total) && html`<nav class="more" aria-label="Pages">${page > 1 && html`<a rel="prev" href="${link(page - 1)}">Previous</a>`}${page * ROWS < total && html`<a rel="next" href="${link(page + 1)}">Next ${ROWS}</a>`}</nav>`}`
  return await pageResponse(site, { title: words, main, searched: words, answersWhileTyping: true })
}

/** From 1; what is no number is 1. */
function pageNumber(query: URLSearchParams): number {
  const number = Number(query.get('page'))
  return Number.isInteger(number) && number >= 1 ? Math.min(number, MOST_FOUND) : 1
}

async function showTree(call: Call<RepositoriesPage>, below: string): Promise<PlainResponse> {
  const site = siteOf(call)
  const { catalog, search } = call.registry
  const after = call.route.query.get('after') || undefined
  const shown = shownNames(call.permit)
  const list = (last: string, limit: number) => catalog.listRepositories({ last, limit }, shown)
  const { entries, next } = await treePage(list, { below, after, limit: ROWS })
  if (entries.length === 0 && after === undefined) return await nothingThere(site, below, shown === undefined)
  const names = entries.flatMap((entry) => (entry.kind === 'repository' ? [entry.name] : []))
  const descriptions = new Map((await search.describe(names)).map(({ name, description }) => [name, description]))
  const rows = entries.map((entry) => ({ ...entry, description: descriptions.get(entry.name) ?? '' }))
  const title = below === '' ? 'Repositories' : below
  const main = html`<h1>${below === '' ? 'Repositories' : folderPath(site, below)}</h1>
${table(site, rows, below)}
${next !== undefined && html`<nav class="more" aria-label="Pages"><a rel="next" href="${site.repositories({ after: next }, below)}">Next ${ROWS}</a></nav>`}`
  return await pageResponse(site, { title: below === '' ? '' : title, main, answersWhileTyping: true })
}

/** A folder that holds nothing is no folder. */
async function nothingThere(site: Site, below: string, seesAll: boolean): Promise<PlainResponse> {
  if (below !== '')
    throw new RegistryError('NAME_UNKNOWN', { message: `There is no repository below ${below} that you may see.` })
  return await pageResponse(site, { title: '', main: firstPush(site, seesAll), answersWhileTyping: true })
}

/** Each folder of a path as a link: `team / app /`. */
export function folderPath(site: Site, below: string): Html {
  const parts = below.split('/').slice(0, -1)
  const links = parts.map((part, place) => {
    const folder = `${parts.slice(0, place + 1).join('/')}/`
    return html`<a href="${site.repositories({}, folder)}">${part}</a><span class="quiet">/</span>`
  })
  return html`<span class="path">${links}</span>`
}

type Row = Entry & { readonly description: string }

function table(site: Site, rows: readonly Row[], below = ''): Html {
  return html`<table class="rows">
<thead><tr><th scope="col">Repository</th><th scope="col">Description</th></tr></thead>
<tbody>${rows.map((row) => rowOf(site, row, below))}</tbody>
</table>`
}

function rowOf(site: Site, { kind, name, description }: Row, below: string): Html {
  const shown = name.slice(below.length)
  const end = shown.lastIndexOf('/', shown.length - 2) + 1
  const address = kind === 'folder' ? site.repositories({}, name) : site.repository(name)
  return html`<tr><td class="name"><a href="${address}"><code><span class="folder">${shown.slice(0, end)}</span>${shown.slice(end)}</code></a></td><td>${description !== '' && html`<bdi>${description}</bdi>`}</td></tr>
`
}
