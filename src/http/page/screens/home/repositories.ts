import { RegistryError } from '../../../../oci/errors.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import type { Call } from '../../../call.ts'
import { shownNames } from '../../../shown-names.ts'
import { pageResponse } from '../../document.ts'
import { folderPath } from '../../heading.ts'
import type { RepositoriesPage } from '../../page-routes.ts'
import type { Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { type Html, html } from '../../text/html.ts'
import { timeOf } from '../../text/words.ts'
import { treePage } from '../../tree.ts'
import { firstPush } from './first-push.ts'
import { showFound } from './found.ts'
import { repositoryTable } from './table.ts'
import { takeoverProgress } from './takeover.ts'

const ROWS = 100
const MAX_WORDS = 200

/** Repositories: those that a search finds, or all below a folder, by name or those whose tags moved last. */
export async function showRepositories(call: Call<RepositoriesPage>): Promise<PlainResponse> {
  const { query, below } = call.route
  const words = (query.get('q') ?? '').trim().slice(0, MAX_WORDS)
  if (words !== '') return await showFound(call, words)
  return query.get('sort') === 'moved' ? await showNewest(call, below) : await showTree(call, below)
}

async function showTree(call: Call<RepositoriesPage>, below: string): Promise<PlainResponse> {
  const site = siteOf(call)
  const { catalog, search } = call.registry
  const after = call.route.query.get('after') || undefined
  const listed = shownNames(call.permit)
  const list = (last: string, limit: number) => catalog.listRepositories({ last, limit }, listed)
  const { entries, next } = await treePage(list, { below, after, limit: ROWS })
  if (entries.length === 0 && after === undefined) return await nothingThere(site, below, listed === undefined)
  const names = entries.flatMap((entry) => (entry.kind === 'repository' ? [entry.name] : []))
  const said = new Map((await search.describe(names)).map((found) => [found.name, found]))
  const rows = entries.map((entry) => ({ ...entry, description: '', stars: 0, ...said.get(entry.name) }))
  const main = html`${headOf(site, below, 'name')}
${await takeoverProgress(call, listed === undefined)}
${repositoryTable(site, rows, { below })}
${next !== undefined && html`<nav class="more" aria-label="Pages"><a rel="next" href="${site.repositories({ after: next }, below)}">Next ${ROWS}</a></nav>`}`
  return await pageResponse(site, { title: below, main, answersWhileTyping: true })
}

/** Those of which a move is remembered; the others are in the list by name. */
async function showNewest(call: Call<RepositoriesPage>, below: string): Promise<PlainResponse> {
  const site = siteOf(call)
  const { shown, search } = call.registry
  const before = /^[1-9]\d{0,15}$/.exec(call.route.query.get('before') ?? '')?.[0]
  const listed = shownNames(call.permit)
  const { entries, next } = await shown.activities.repositories({
    ...{ before: before === undefined ? undefined : Number(before), limit: ROWS },
    isShown: (name) => name.startsWith(below) && (listed?.fits(name) ?? true),
  })
  const said = new Map((await search.describe(entries.map(({ repository }) => repository))).map((found) => [found.name, found]))
  const rows = entries.map(({ repository, tag, atMs, by, digest }) => {
    const moved = timeOf(atMs)
    const last = html`<code>${tag}</code>${digest === null && ' deleted'}${moved !== undefined && html` ${moved}`}${by !== null && html`, <bdi>${by}</bdi>`}`
    return { kind: 'repository' as const, name: repository, description: '', stars: 0, ...said.get(repository), last }
  })
  const main = html`${headOf(site, below, 'moved')}
${rows.length === 0 ? html`<p>No move of a tag is remembered here.</p>` : repositoryTable(site, rows, { below, last: 'Moved last' })}
${next !== undefined && html`<nav class="more" aria-label="Pages"><a rel="next" href="${site.repositories({ sort: 'moved', before: next }, below)}">Next ${ROWS}</a></nav>`}`
  return await pageResponse(site, { title: below, main, answersWhileTyping: true })
}

function headOf(site: Site, below: string, sort: 'name' | 'moved'): Html {
  const link = (by: 'name' | 'moved', words: string) =>
    by === sort
      ? html`<span aria-current="true">${words}</span>`
      : html`<a href="${site.repositories({ sort: by === 'name' ? undefined : by }, below)}">${words}</a>`
  return html`<div class="sorts"><h1>${below === '' ? 'Repositories' : folderPath(site, below)}</h1><nav class="parts" aria-label="Order">${link('name', 'By name')}${link('moved', 'Newest first')}</nav></div>`
}

/** A folder that holds nothing is no folder. */
async function nothingThere(site: Site, below: string, seesAll: boolean): Promise<PlainResponse> {
  if (below !== '')
    throw new RegistryError('NAME_UNKNOWN', { message: `There is no repository below ${below} that you may see.` })
  return await pageResponse(site, { title: '', main: firstPush(site, seesAll), answersWhileTyping: true })
}
